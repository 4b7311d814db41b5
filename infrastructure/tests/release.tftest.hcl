# The release, for the environment whose file is given with -var-file.
mock_provider "azurerm" {
  source = "./tests/mocks"
}

mock_provider "helm" {}

variables {
  subscription_id = "00000000-0000-0000-0000-000000000000"
  image           = "orders:0123456789ab@sha256:0000000000000000000000000000000000000000000000000000000000000000"
}

# The check script takes the release that it installs for real from this run.
run "release" {
  assert {
    condition     = module.workload[0].manifests == module.manifests[0].manifests
    error_message = "what is released is what was rendered"
  }
  assert {
    condition = alltrue([
      for name in ["api-deployment", "worker-deployment", "migrate-job"] :
      module.workload[0].manifests[name].spec.template.spec.containers[0].image == "${output.registry}/${var.image}"
    ])
    error_message = "every container runs the image that was pushed to this registry"
  }
  assert {
    condition     = startswith(module.workload[0].manifests["migrate-job"].metadata.name, "migrate-0123456789ab-")
    error_message = "the Job is named after the image's tag"
  }
  assert {
    condition     = alltrue([for name in ["api-deployment", "worker-deployment"] : !can(module.workload[0].manifests[name].spec.replicas)])
    error_message = "a Deployment that something scales names no replicas"
  }
  assert {
    condition     = module.workload[0].manifests["api-service"].spec.type == "LoadBalancer" && !can(module.workload[0].manifests["api-httproute"])
    error_message = "without a gateway an internal load balancer leads to the api"
  }
  assert {
    condition = alltrue([
      for name in ["api-deployment", "worker-deployment"] : alltrue([
        for probe in ["startupProbe", "livenessProbe", "readinessProbe"] :
        can(module.workload[0].manifests[name].spec.template.spec.containers[0][probe].httpGet.path)
      ])
    ])
    error_message = "every Pod is asked whether it lives, and sent to when it is ready"
  }
  assert {
    condition = (
      module.workload[0].manifests["api-deployment"].spec.template.spec.terminationGracePeriodSeconds == 60
      && module.workload[0].manifests["api-deployment"].spec.template.spec.containers[0].lifecycle.preStop.sleep.seconds == 5
      && module.workload[0].manifests["worker-deployment"].spec.template.spec.terminationGracePeriodSeconds == 90
    )
    error_message = "Pods end what they have begun: the api after Services have left it, a worker within a message's lock"
  }
  assert {
    condition     = [for rule in module.workload[0].manifests["networkpolicy"].spec.egress : [for port in rule.ports : "${port.protocol} ${port.port}-${try(port.endPort, port.port)}"]] == [["UDP 53-53", "TCP 53-53"], ["TCP 443-443", "TCP 5671-5671", "TCP 1433-1433", "TCP 11000-11999"]]
    error_message = "Pods reach names, and what they need of Azure, and nothing else"
  }
  assert {
    condition     = module.workload[0].manifests["networkpolicy"].spec.egress[1].to[0].ipBlock.except == ["169.254.169.254/32"]
    error_message = "no Pod reaches the node's own identity"
  }
  assert {
    condition     = !can(module.workload[0].manifests["api-service"].spec.ports[0].appProtocol)
    error_message = "Azure's load balancer asks nobody for a path that the api does not have"
  }
  assert {
    condition     = !can(module.workload[0].manifests["migrate-job"].spec.activeDeadlineSeconds) && module.workload[0].manifests["migrate-job"].spec.backoffLimit >= 1000
    error_message = "a Job that has failed never runs again under its name, so this one tries on"
  }
}
