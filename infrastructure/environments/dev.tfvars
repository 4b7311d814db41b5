# Cheap: scales to nothing where it can, one node, nothing twice.
environment = "dev"

cluster = {
  sku_tier     = "Free"
  node_vm_size = "Standard_D2ads_v5"
  zones        = []
  system_nodes = { min = 1, max = 3 }
}

# Pauses when nobody asks it anything for a quarter of an hour; the first request after that takes about a minute.
database = {
  sku_name                    = "GP_S_Gen5_1"
  min_capacity                = 0.5
  auto_pause_delay_in_minutes = 15
  max_size_gb                 = 32
  zone_redundant              = false
  backup_storage              = "Local"
  backup_retention_days       = 7
}

# A serverless vCore takes 75 requests at a time; variables.tf reckons.
database_connections = { pod = 3, instance = 2 }

functions = {
  maximum_instance_count = 20
  zone_balancing         = false
  storage_replication    = "LRS"
}

replicas = {
  api    = { min = 2, max = 3 }
  worker = { max = 4, messages = 20 }
}

# Price: what a dead process left behind is taken up at most two hours later.
sweep = {
  schedule  = "0 0 */2 * * *"
  max_sleep = "2h"
}

logs = {
  retention_in_days = 30
  daily_quota_gb    = 1
}

registry_sku = "Basic"
protected    = false
