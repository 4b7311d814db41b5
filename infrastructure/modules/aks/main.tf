# Both identities are made before the cluster, so that their roles are there when it needs them and outlive it.
resource "azurerm_user_assigned_identity" "control_plane" {
  name                = "id-${var.name}-aks"
  resource_group_name = var.resource_group_name
  location            = var.location
  tags                = var.tags
}

resource "azurerm_user_assigned_identity" "kubelet" {
  name                = "id-${var.name}-kubelet"
  resource_group_name = var.resource_group_name
  location            = var.location
  tags                = var.tags
}

# The control plane puts the kubelet's identity onto the nodes.
resource "azurerm_role_assignment" "kubelet_operator" {
  scope                = azurerm_user_assigned_identity.kubelet.id
  role_definition_name = "Managed Identity Operator"
  principal_id         = azurerm_user_assigned_identity.control_plane.principal_id
  principal_type       = "ServicePrincipal"
}

resource "azurerm_kubernetes_cluster" "this" {
  name                = "aks-${var.name}"
  resource_group_name = var.resource_group_name
  location            = var.location
  tags                = var.tags

  dns_prefix = var.name
  # Standard buys the SLA of the API server.
  sku_tier = var.sku_tier
  # Security fixes come by themselves, new minor versions by decision.
  automatic_upgrade_channel = "patch"
  node_os_upgrade_channel   = "NodeImage"

  oidc_issuer_enabled       = true
  workload_identity_enabled = true
  # People and pipelines come with Entra ID; there is no admin certificate to copy.
  local_account_disabled = true
  # `az aks command invoke` would run commands past Kubernetes' own audit.
  run_command_enabled = false
  # Images of earlier versions leave the nodes after a week.
  image_cleaner_enabled        = true
  image_cleaner_interval_hours = 168

  azure_active_directory_role_based_access_control {
    azure_rbac_enabled = true
    tenant_id          = var.tenant_id
  }

  dynamic "api_server_access_profile" {
    for_each = length(var.authorized_ip_ranges) == 0 ? [] : [true]
    content {
      authorized_ip_ranges = var.authorized_ip_ranges
    }
  }

  identity {
    type         = "UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.control_plane.id]
  }

  kubelet_identity {
    client_id                 = azurerm_user_assigned_identity.kubelet.client_id
    object_id                 = azurerm_user_assigned_identity.kubelet.principal_id
    user_assigned_identity_id = azurerm_user_assigned_identity.kubelet.id
  }

  default_node_pool {
    name                        = "system"
    temporary_name_for_rotation = "systemtmp"
    vm_size                     = var.node_vm_size
    os_sku                      = "AzureLinux"
    # On the VM's own disk: faster, free, and nothing on it is worth keeping.
    os_disk_type                 = "Ephemeral"
    os_disk_size_gb              = 64
    zones                        = var.zones
    auto_scaling_enabled         = true
    min_count                    = var.system_nodes.min
    max_count                    = var.system_nodes.max
    only_critical_addons_enabled = var.user_nodes != null
    # Overlay addresses cost nothing, and a small node is full by its memory long before.
    max_pods = 110
    tags     = var.tags

    upgrade_settings {
      # A third of the nodes at a time: in prod one of each zone, in dev one more node.
      max_surge = "33%"
      # A drain waits for the longest grace period of our Pods many times over, and not for ever.
      drain_timeout_in_minutes = 30
    }
  }

  # The cluster's autoscaler makes nodes; KEDA and the HPA make Pods.
  node_provisioning_profile {
    mode = "Manual"
  }

  workload_autoscaler_profile {
    keda_enabled = true
  }

  # Overlay: Pods take no addresses of the VNet. Cilium: in the kernel what kube-proxy does with iptables, and the only data
  # plane here that keeps NetworkPolicies to the letter without another agent.
  network_profile {
    network_plugin      = "azure"
    network_plugin_mode = "overlay"
    network_data_plane  = "cilium"
    network_policy      = "cilium"
  }

  oms_agent {
    log_analytics_workspace_id      = var.workspace_id
    msi_auth_for_monitoring_enabled = true
  }

  # When the fewest people order, and four hours each, the least that Azure takes: first the cluster, then its nodes.
  maintenance_window_auto_upgrade {
    frequency   = "Weekly"
    interval    = 1
    day_of_week = "Sunday"
    start_time  = "02:00"
    utc_offset  = "+00:00"
    duration    = 4
  }

  maintenance_window_node_os {
    frequency   = "Weekly"
    interval    = 1
    day_of_week = "Sunday"
    start_time  = "06:00"
    utc_offset  = "+00:00"
    duration    = 4
  }

  lifecycle {
    ignore_changes = [default_node_pool[0].node_count]
  }

  depends_on = [azurerm_role_assignment.kubelet_operator]
}

# Where the system's own Pods keep to themselves, ours get a pool, of the same nodes and for the same reasons.
resource "azurerm_kubernetes_cluster_node_pool" "user" {
  count                       = var.user_nodes == null ? 0 : 1
  name                        = "user"
  temporary_name_for_rotation = "usertmp"
  kubernetes_cluster_id       = azurerm_kubernetes_cluster.this.id
  vm_size                     = var.node_vm_size
  os_sku                      = "AzureLinux"
  os_disk_type                = "Ephemeral"
  os_disk_size_gb             = 64
  zones                       = var.zones
  auto_scaling_enabled        = true
  min_count                   = var.user_nodes.min
  max_count                   = var.user_nodes.max
  max_pods                    = 110
  tags                        = var.tags

  upgrade_settings {
    max_surge                = "33%"
    drain_timeout_in_minutes = 30
  }

  lifecycle {
    ignore_changes = [node_count]
  }
}

# Those who deploy talk to the API server through Helm.
resource "azurerm_role_assignment" "deployer" {
  for_each             = var.deployers
  scope                = azurerm_kubernetes_cluster.this.id
  role_definition_name = "Azure Kubernetes Service RBAC Cluster Admin"
  principal_id         = each.value
}
