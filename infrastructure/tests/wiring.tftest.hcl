# Who may do what, and that names meant to be the same are the same.
mock_provider "azurerm" {
  source = "./tests/mocks"
}

mock_provider "helm" {}

variables {
  subscription_id = "00000000-0000-0000-0000-000000000000"
  image           = "orders:0123456789ab@sha256:0000000000000000000000000000000000000000000000000000000000000000"
}

run "aks_notifies" {
  variables {
    notify_host = "aks"
  }

  assert {
    condition = module.servicebus.assignments == {
      "sender/functions" = { role = "Azure Service Bus Data Sender", scope = module.servicebus.topic_id, principal_id = module.identity["functions"].principal_id }
      "sender/api"       = { role = "Azure Service Bus Data Sender", scope = module.servicebus.topic_id, principal_id = module.identity["api"].principal_id }
      "sender/worker"    = { role = "Azure Service Bus Data Sender", scope = module.servicebus.topic_id, principal_id = module.identity["worker"].principal_id }
      "receiver/worker"  = { role = "Azure Service Bus Data Receiver", scope = module.servicebus.subscription_id, principal_id = module.identity["worker"].principal_id }
      "scaler/keda"      = { role = "Azure Service Bus Data Owner", scope = module.servicebus.topic_id, principal_id = module.identity["keda"].principal_id }
    }
    error_message = "on the bus: all who work may send to the topic, the worker alone receives, KEDA alone looks after the topic"
  }
  assert {
    condition     = keys(module.keyvault.readers) == ["api", "functions", "worker"] && alltrue([for role, id in module.keyvault.readers : id == module.identity[role].principal_id])
    error_message = "every host that sweeps reads the channels' secrets, and nobody else"
  }
  assert {
    condition     = module.logs.publishers == module.keyvault.readers
    error_message = "all who work send telemetry as themselves, and nobody else does"
  }
  assert {
    condition = (
      local.settings.api.APPLICATIONINSIGHTS_AUTHENTICATION_STRING == "Authorization=AAD"
      && local.settings.worker.APPLICATIONINSIGHTS_AUTHENTICATION_STRING == "Authorization=AAD"
      && module.functionapp.settings.APPLICATIONINSIGHTS_AUTHENTICATION_STRING == "ClientId=${module.identity["functions"].client_id};Authorization=AAD"
    )
    error_message = "telemetry is sent with Entra ID: by a Pod as its ServiceAccount, by the Function App as the identity that it names"
  }
  assert {
    condition     = module.registry.puller == module.aks.kubelet_principal_id
    error_message = "the nodes' own identity pulls the images"
  }
  assert {
    condition     = module.sql.administrator == module.identity["migrate"].principal_id
    error_message = "the identity of migrate is the database server's administrator"
  }
  assert {
    condition     = length(distinct([for identity in module.identity : identity.principal_id])) == 5
    error_message = "every role is somebody else"
  }
  assert {
    condition = { for role, identity in module.identity : role => identity.subject } == {
      api       = "system:serviceaccount:orders:api"
      functions = null
      keda      = "system:serviceaccount:kube-system:keda-operator"
      migrate   = "system:serviceaccount:orders:migrate"
      worker    = "system:serviceaccount:orders:worker"
    }
    error_message = "every ServiceAccount acts as one identity"
  }
  assert {
    condition = alltrue([
      for role in ["api", "migrate", "worker"] :
      module.workload[0].manifests["${role}-serviceaccount"].metadata.annotations["azure.workload.identity/client-id"] == module.identity[role].client_id
    ])
    error_message = "every ServiceAccount names its own identity"
  }
  assert {
    condition = alltrue([
      for name in ["api-deployment", "migrate-job", "worker-deployment"] :
      module.workload[0].manifests[name].spec.template.spec.serviceAccountName == split("-", name)[0]
      && module.workload[0].manifests[name].spec.template.spec.containers[0].args == [split("-", name)[0]]
      && module.workload[0].manifests[name].spec.template.metadata.labels["azure.workload.identity/use"] == "true"
    ])
    error_message = "every Pod runs its role's command as its role's ServiceAccount"
  }
  assert {
    condition     = module.workload[0].manifests["worker-triggerauthentication"].spec.podIdentity.identityId == module.identity["keda"].client_id
    error_message = "KEDA asks the broker as its own identity"
  }
  assert {
    condition = alltrue([
      for names in [
        [module.servicebus.topic_name, module.servicebus.subscription_name],
        [module.functionapp.settings.ORDERS_TOPIC, module.functionapp.settings.NOTIFY_SUBSCRIPTION],
        [module.workload[0].manifests["worker-scaledobject"].spec.triggers[0].metadata.topicName, module.workload[0].manifests["worker-scaledobject"].spec.triggers[0].metadata.subscriptionName],
        [local.settings.api.ORDERS_TOPIC, "notify"],
        [local.settings.worker.ORDERS_TOPIC, local.settings.worker.NOTIFY_SUBSCRIPTION],
      ] : names == ["orders", "notify"]
    ])
    error_message = "topic and subscription have one name each: on the bus, in every host's settings, for the scaler"
  }
  assert {
    condition = alltrue([
      for name in [
        module.functionapp.settings.ServiceBus__fullyQualifiedNamespace,
        local.settings.api.ServiceBus__fullyQualifiedNamespace,
        local.settings.worker.ServiceBus__fullyQualifiedNamespace,
        "${module.workload[0].manifests["worker-scaledobject"].spec.triggers[0].metadata.namespace}.servicebus.windows.net",
      ] : name == module.servicebus.fully_qualified_namespace
    ])
    error_message = "all speak of the same Service Bus namespace"
  }
  assert {
    condition = (
      endswith(module.functionapp.settings.ORDERS_DATABASE, ";Authentication=Active Directory Managed Identity;User Id=${module.identity["functions"].client_id}")
      && module.functionapp.settings.ServiceBus__clientId == module.identity["functions"].client_id
      && module.functionapp.settings.AzureWebJobsStorage__clientId == module.identity["functions"].client_id
      && alltrue([for settings in [local.settings.api, local.settings.worker, local.settings.migrate] : endswith(settings.ORDERS_DATABASE, ";Authentication=Active Directory Workload Identity")])
    )
    error_message = "everybody logs in as himself: the Function App by the client id of its identity, a Pod by its ServiceAccount's token"
  }
  assert {
    condition     = try(module.functionapp.settings["AzureWebJobs.Notify.Disabled"], "") == "true"
    error_message = "the Functions host leaves the subscription to the worker"
  }
  assert {
    condition     = module.workload[0].manifests["worker-scaledobject"].spec.scaleTargetRef.name == module.workload[0].manifests["worker-deployment"].metadata.name
    error_message = "KEDA scales the worker"
  }
}

run "functions_notifies" {
  variables {
    notify_host = "functions"
  }

  assert {
    condition = { for name, assigned in module.servicebus.assignments : name => assigned.principal_id } == {
      "sender/functions"   = module.identity["functions"].principal_id
      "sender/api"         = module.identity["api"].principal_id
      "receiver/functions" = module.identity["functions"].principal_id
    }
    error_message = "the Functions host alone receives, and nobody scales a worker"
  }
  assert {
    condition     = !can(module.functionapp.settings["AzureWebJobs.Notify.Disabled"])
    error_message = "the Notify trigger is on"
  }
  assert {
    condition     = length([for name in keys(module.workload[0].manifests) : name if startswith(name, "worker")]) == 0
    error_message = "there is no worker, no scaler and no ServiceAccount for them"
  }
  assert {
    condition     = can(module.workload[0].manifests["api-deployment"])
    error_message = "HTTP is served by both hosts"
  }
}

run "email_is_sent_by_those_who_tell_customers" {
  variables {
    channels = ["log", "email"]
  }

  assert {
    condition     = module.email[0].senders == module.keyvault.readers
    error_message = "every host that sweeps may send, and nobody else"
  }
  assert {
    condition = alltrue([
      for settings in [module.functionapp.settings, local.settings.api, local.settings.worker] :
      settings.NOTIFY_CHANNELS == "log,email" && settings.EMAIL_SERVER == module.email[0].server && settings.EMAIL_FROM == module.email[0].from
    ])
    error_message = "all of them are told where e-mail is handed in"
  }
}

run "those_who_deploy_are_named" {
  variables {
    deployers = ["d0000000-0000-0000-0000-000000000001", "d0000000-0000-0000-0000-000000000002"]
  }

  assert {
    condition     = alltrue([for deployers in [module.aks.deployers, module.keyvault.deployers, module.registry.deployers] : deployers == var.deployers])
    error_message = "each of those who deploy may write the first key, push the image and talk to the cluster"
  }
}

run "a_mail_server_of_ones_own_is_reached" {
  variables {
    channels = ["log", "email"]
    settings = { EMAIL_SERVER = "smtps://shop@mail.example.com:4465", EMAIL_FROM = "shop@example.com", EMAIL_PASSWORD = "keyvault:mail-password", ORDERS_CONSOLE_KEY = "keyvault:orders-console-keys" }
  }

  assert {
    condition     = length(module.email) == 0 && alltrue([for settings in [module.functionapp.settings, local.settings.api, local.settings.worker] : settings.EMAIL_SERVER == var.settings.EMAIL_SERVER && settings.EMAIL_PASSWORD == "keyvault:mail-password"])
    error_message = "what terraform.tfvars says goes to all who work, and nobody makes services of Azure's for it"
  }
  assert {
    condition     = contains(module.workload[0].manifests["networkpolicy"].spec.egress[1].ports, { protocol = "TCP", port = 4465 })
    error_message = "Pods may reach the port of the mail server"
  }
  assert {
    condition     = output.key_secrets == ["orders-api-keys", "orders-console-keys"] && local.settings.api.ORDERS_CONSOLE_KEY == "keyvault:orders-console-keys" && !can(local.settings.worker.ORDERS_CONSOLE_KEY)
    error_message = "the deployment makes a key for the console, and those who show it read it"
  }
}
