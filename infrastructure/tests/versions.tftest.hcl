# From an empty subscription to a version and the next, for the environment whose file is given with -var-file.
mock_provider "azurerm" {
  source = "./tests/mocks"
}

mock_provider "helm" {}

variables {
  subscription_id = "00000000-0000-0000-0000-000000000000"
  image           = "orders:ba9876543210@sha256:1111111111111111111111111111111111111111111111111111111111111111"
}

run "the_first_run_makes_everything_but_the_workload" {
  variables {
    image = null
  }
  assert {
    condition     = length(module.workload) == 0 && length(module.manifests) == 0
    error_message = "without an image nothing is deployed"
  }
  assert {
    condition     = output.registry == "crorders${var.environment}${local.suffix}.azurecr.io"
    error_message = "the registry is there to push to"
  }
}

# The version that a real control plane is upgraded to.
run "the_next_release" {
  assert {
    condition     = startswith(module.workload[0].manifests["migrate-job"].metadata.name, "migrate-ba9876543210-")
    error_message = "every version migrates with a Job of its own"
  }
  assert {
    condition     = module.workload[0].manifests["api-deployment"].spec.template.metadata.labels["app.kubernetes.io/version"] == "ba9876543210"
    error_message = "a Pod says which version it is"
  }
}

run "what_migrate_runs_is_in_the_name_of_its_job" {
  variables {
    notify_host = "functions"
  }
  assert {
    condition     = module.workload[0].manifests["migrate-job"].metadata.name != run.the_next_release.migrate_job
    error_message = "a Job cannot be changed, so with other settings it has another name"
  }
}

run "a_gateway_takes_the_place_of_the_load_balancer" {
  variables {
    gateway = { name = "public", namespace = "gateways", hostnames = ["orders.example.com"] }
  }
  assert {
    condition = (
      module.workload[0].manifests["api-service"].spec.type == "ClusterIP"
      && module.workload[0].manifests["api-httproute"].spec.parentRefs[0].name == "public"
      && module.workload[0].manifests["api-httproute"].spec.rules[0].backendRefs[0].name == module.workload[0].manifests["api-service"].metadata.name
    )
    error_message = "a route leads from the gateway to the api's Service"
  }
}
