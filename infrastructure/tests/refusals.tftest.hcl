# What Azure would refuse in the middle of an apply is refused before it.
mock_provider "azurerm" {
  source = "./tests/mocks"
}

mock_provider "helm" {}

variables {
  subscription_id = "00000000-0000-0000-0000-000000000000"
  image           = "orders:0123456789ab@sha256:0000000000000000000000000000000000000000000000000000000000000000"

  # For the runs on single modules.
  name                                   = "orders-dev-00000"
  storage_name                           = "ordersdev00000"
  resource_group_name                    = "rg-orders-dev"
  location                               = "swedencentral"
  tags                                   = {}
  topic_name                             = "orders"
  subscription_name                      = "notify"
  senders                                = {}
  receivers                              = { worker = "a0000000-0000-0000-0000-000000000001" }
  scalers                                = {}
  tenant_id                              = "10000000-0000-0000-0000-000000000000"
  administrator                          = { name = "id-orders-dev-migrate", principal_id = "a0000000-0000-0000-0000-000000000002" }
  database_name                          = "orders"
  workspace_id                           = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.OperationalInsights/workspaces/log"
  deployers                              = ["a0000000-0000-0000-0000-000000000003"]
  protected                              = false
  namespace                              = "orders"
  identity                               = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id", client_id = "a0000000-0000-0000-0000-000000000005", principal_id = "a0000000-0000-0000-0000-000000000006" }
  application_insights_connection_string = "none"
  client_ids                             = { api = "c0000000-0000-0000-0000-000000000001", migrate = "c0000000-0000-0000-0000-000000000002" }
}

# In one run, since each takes as long as all: what each of these must not be is in its name's place.
run "what_the_root_is_told_has_a_form" {
  command = plan
  variables {
    # Neither dev nor prod; no UUID; no digest; no one host; five fields; no object id.
    environment     = "staging"
    subscription_id = "mine"
    image           = "orders:latest"
    notify_host     = "both"
    sweep           = { schedule = "*/5 * * * *", max_sleep = "30s" }
    deployers       = ["someone@example.com"]
    # Customers hear of the smoke test; Terraform knows better; nobody serves while a Pod is replaced; no host name.
    channels = ["email"]
    settings = { ORDERS_DATABASE = "sqlite:orders.sqlite" }
    replicas = { api = { min = 1, max = 12 }, worker = { max = 12, messages = 20 } }
    gateway  = { name = "public", namespace = "gateways", hostnames = ["https://orders.example.com"] }
  }
  expect_failures = [
    var.environment, var.subscription_id, var.image, var.notify_host, var.sweep, var.deployers,
    var.channels, var.settings, var.replicas, var.gateway,
  ]
}

run "pods_and_instances_leave_the_database_requests_to_spare" {
  command = plan
  variables {
    database_connections = { pod = 10, instance = 10 }
  }
  expect_failures = [var.database_connections]
}

run "a_secret_is_named_and_not_told" {
  command = plan
  variables {
    settings = { ORDERS_CONSOLE_KEY = "first=0123456789abcdef0123456789abcdef" }
  }
  expect_failures = [var.settings]
}

run "a_mail_server_carries_no_password" {
  command = plan
  variables {
    settings = { EMAIL_SERVER = "smtps://shop:secret@mail.example.com", EMAIL_FROM = "shop@example.com" }
  }
  expect_failures = [var.settings]
}

run "a_database_has_a_size_that_there_is" {
  command = plan
  module {
    source = "./modules/sql"
  }
  variables {
    database = { sku_name = "GP_Gen5_2", max_size_gb = 5000, zone_redundant = false, backup_storage = "Local", backup_retention_days = 7 }
  }
  expect_failures = [var.database]
}

run "names_are_those_that_azure_takes" {
  command = plan
  module {
    source = "./modules/servicebus"
  }
  variables {
    topic_name          = "orders/created"
    subscription_name   = "n"
    resource_group_name = "rg."
    tags                = { for number in range(51) : "tag-${number}" => "" }
  }
  expect_failures = [var.topic_name, var.subscription_name, var.resource_group_name, var.tags]
}

run "a_lock_is_an_iso_8601_duration" {
  command = plan
  module {
    source = "./modules/servicebus"
  }
  variables {
    lock_duration = "5 minutes"
  }
  expect_failures = [var.lock_duration]
}

run "a_lock_outlives_the_handler" {
  command = plan
  module {
    source = "./modules/servicebus"
  }
  variables {
    lock_duration = "PT30S"
  }
  expect_failures = [var.lock_duration]
}

run "two_hosts_do_not_compete_for_messages" {
  command = plan
  module {
    source = "./modules/servicebus"
  }
  variables {
    receivers = { worker = "a0000000-0000-0000-0000-000000000001", functions = "a0000000-0000-0000-0000-000000000002" }
  }
  expect_failures = [var.receivers]
}

run "a_serverless_database_pauses" {
  command = plan
  module {
    source = "./modules/sql"
  }
  variables {
    database = { sku_name = "GP_S_Gen5_1", max_size_gb = 32, zone_redundant = false, backup_storage = "Local", backup_retention_days = 7 }
  }
  expect_failures = [var.database]
}

run "a_database_has_a_known_sku" {
  command = plan
  module {
    source = "./modules/sql"
  }
  variables {
    database = { sku_name = "Small", max_size_gb = 32, zone_redundant = false, backup_storage = "Local", backup_retention_days = 7 }
  }
  expect_failures = [var.database]
}

run "nodes_have_room_for_an_ephemeral_disk" {
  command = plan
  module {
    source = "./modules/aks"
  }
  variables {
    sku_tier             = "Free"
    node_vm_size         = "Standard_B2s"
    zones                = []
    system_nodes         = { min = 1, max = 1 }
    user_nodes           = null
    authorized_ip_ranges = []
  }
  expect_failures = [var.node_vm_size]
}

run "the_hosts_storage_is_not_a_setting_of_ours" {
  command = plan
  module {
    source = "./modules/functionapp"
  }
  variables {
    settings               = { AzureWebJobsStorage = "UseDevelopmentStorage=true" }
    maximum_instance_count = 40
    zone_balancing         = false
    storage_replication    = "LRS"
  }
  expect_failures = [var.settings]
}
