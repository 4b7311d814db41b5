# Stands the loss of a zone and the deletion of a vault.
environment = "prod"

cluster = {
  sku_tier     = "Standard"
  node_vm_size = "Standard_D2ads_v5"
  zones        = ["1", "2", "3"]
  system_nodes = { min = 3, max = 6 }
  user_nodes   = { min = 3, max = 12 }
}

database = {
  sku_name              = "GP_Gen5_2"
  max_size_gb           = 250
  zone_redundant        = true
  backup_storage        = "GeoZone"
  backup_retention_days = 35
}

# Two vCores take 200 requests at a time; variables.tf reckons.
database_connections = { pod = 4, instance = 2 }

functions = {
  maximum_instance_count = 20
  zone_balancing         = true
  storage_replication    = "ZRS"
}

replicas = {
  api    = { min = 3, max = 12 }
  worker = { max = 12, messages = 20 }
}

sweep = {
  schedule  = "0 */1 * * * *"
  max_sleep = "30s"
}

logs = {
  retention_in_days = 90
  daily_quota_gb    = 10
}

registry_sku = "Standard"
protected    = true
