# What the hosts are told is what the binary reads: its table of settings is taken from its source.
mock_provider "azurerm" {
  source = "./tests/mocks"
}

mock_provider "helm" {}

variables {
  subscription_id = "00000000-0000-0000-0000-000000000000"
  image           = "orders:0123456789ab@sha256:0000000000000000000000000000000000000000000000000000000000000000"
}

run "settings" {
  module {
    source = "./tests/binary"
  }
}

run "every_setting_is_one_that_the_binary_reads" {
  variables {
    # With every channel that there is, so that each one's settings are given.
    channels = ["log", "email", "webhook"]
  }
  assert {
    condition = alltrue([
      for role, settings in { api = local.settings.api, worker = local.settings.worker, migrate = local.settings.migrate } :
      toset(keys(settings)) == run.settings.of_role[role]
      && [for variable in module.workload[0].manifests[role == "migrate" ? "migrate-job" : "${role}-deployment"].spec.template.spec.containers[0].env : variable.name] == keys(settings)
    ])
    error_message = format("every Pod has the settings of its role, and no other: %s", jsonencode({
      for role in ["api", "worker", "migrate"] : role => {
        too_many = setsubtract(keys(local.settings[role]), run.settings.of_role[role]), missing = setsubtract(run.settings.of_role[role], keys(local.settings[role]))
      }
    }))
  }
  assert {
    condition     = toset(keys(module.functionapp.settings)) == setunion(run.settings.of_role.functions, run.settings.of_the_host)
    error_message = format("the app has the settings of its role and of its host, and no other: too many %s, missing %s", jsonencode(setsubtract(keys(module.functionapp.settings), setunion(run.settings.of_role.functions, run.settings.of_the_host))), jsonencode(setsubtract(setunion(run.settings.of_role.functions, run.settings.of_the_host), keys(module.functionapp.settings))))
  }
  assert {
    condition     = length(setsubtract(setunion(values(run.settings.of_role)...), run.settings.read)) == 0
    error_message = format("the binary has no setting %s", join(", ", setsubtract(setunion(values(run.settings.of_role)...), run.settings.read)))
  }
  assert {
    condition     = length(run.settings.given) > 10 && length(setsubtract(run.settings.given, setunion(run.settings.read, run.settings.of_opentelemetry))) == 0
    error_message = format("variables.tf takes a setting that nobody reads: %s", join(", ", setsubtract(run.settings.given, setunion(run.settings.read, run.settings.of_opentelemetry))))
  }
  assert {
    condition     = length(setintersection(run.settings.given, setsubtract(setunion(values(run.settings.of_role)...), ["EMAIL_FROM", "EMAIL_SERVER", "RUST_LOG"]))) == 0
    error_message = "variables.tf takes no setting that Terraform knows better"
  }
  assert {
    condition     = length(run.settings.read) > 10
    error_message = "the binary's table of settings is found in its source"
  }
  assert {
    condition = length(setsubtract(flatten([
      for name in ["api-deployment", "worker-deployment", "migrate-job"] :
      [for variable in module.workload[0].manifests[name].spec.template.spec.containers[0].env : variable.name]
    ]), run.settings.read)) == 0
    error_message = format("a Pod is given a setting that nobody reads: %s", join(", ", setsubtract(flatten([
      for name in ["api-deployment", "worker-deployment", "migrate-job"] :
      [for variable in module.workload[0].manifests[name].spec.template.spec.containers[0].env : variable.name]
    ]), run.settings.read)))
  }
  assert {
    condition = alltrue([
      for name in ["ORDERS_DATABASE", "ORDERS_KEYS"] :
      contains([for variable in module.workload[0].manifests["api-deployment"].spec.template.spec.containers[0].env : variable.name], name)
    ])
    error_message = "the api has what it does not start without"
  }
  assert {
    condition = (
      [for variable in module.workload[0].manifests["api-deployment"].spec.template.spec.containers[0].env : variable.value if variable.name == "ORDERS_KEYS"][0]
      == "keyvault:${output.api_keys_secret}"
    )
    error_message = "the api reads its keys from the secret that the deployment fills"
  }
  assert {
    condition     = module.functionapp.settings.AzureWebJobsStorage == ""
    error_message = "the provider's connection string without a key is kept out of the app's settings"
  }
}

run "the_database_makes_users_of_those_who_work_and_of_nobody_else" {
  assert {
    condition = (
      [for variable in module.workload[0].manifests["migrate-job"].spec.template.spec.containers[0].env : variable.value if variable.name == "ORDERS_DATABASE_USERS"][0]
      == join(",", [for role in ["functions", "api", "worker"] : "id-orders-${var.environment}-${role}=${module.identity[role].client_id}"])
    )
    error_message = "a user of the database has the client id of its identity, not the object id"
  }
}

run "every_metric_that_is_watched_is_one_that_the_binary_has" {
  assert {
    condition     = length(module.alerts.metrics) > 0 && length(setsubtract(module.alerts.metrics, run.settings.metrics)) == 0
    error_message = format("an alert waits for a metric that nobody emits: %s", join(", ", setsubtract(module.alerts.metrics, run.settings.metrics)))
  }
}

run "no_secret_leaves" {
  assert {
    condition     = output.api_keys_secret == "orders-api-keys"
    error_message = "of a secret only its name is known"
  }
  assert {
    condition = alltrue([
      for value in concat(
        values(module.functionapp.settings),
        flatten([for name in ["api-deployment", "worker-deployment", "migrate-job"] : [for variable in module.workload[0].manifests[name].spec.template.spec.containers[0].env : variable.value]]),
      ) : !can(regex("(?i)(password|pwd|accountkey|sharedaccesskey|client_?secret)=", value))
    ])
    error_message = "no setting carries a password or a key"
  }
}
