terraform {
  required_version = ">= 1.11"

  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = "~> 5.2"
    }
    helm = {
      source  = "hashicorp/helm"
      version = "~> 3.1"
    }
  }

  # The state lies in a storage account of yours; `terraform init -backend-config=FILE` says which (README, first run).
  backend "azurerm" {
    use_azuread_auth = true
  }
}

provider "azurerm" {
  subscription_id = var.subscription_id
  # The storage account takes no keys.
  storage_use_azuread = true

  # What our resources are made by, and what AKS makes for itself: nodes, disks, load balancer, Container Insights. A
  # subscription that nobody used yet has none of them.
  resource_provider_registrations = "none"
  resource_providers_to_register = [
    "Microsoft.AlertsManagement",
    "Microsoft.App",
    "Microsoft.Communication",
    "Microsoft.Compute",
    "Microsoft.ContainerRegistry",
    "Microsoft.ContainerService",
    "Microsoft.Insights",
    "Microsoft.KeyVault",
    "Microsoft.ManagedIdentity",
    "Microsoft.Network",
    "Microsoft.OperationalInsights",
    "Microsoft.OperationsManagement",
    "Microsoft.ServiceBus",
    "Microsoft.Sql",
    "Microsoft.Storage",
    "Microsoft.Web",
  ]

  features {
    key_vault {
      # dev's vault goes with a tear-down and its name is free again; prod's is protected from just that.
      purge_soft_delete_on_destroy = var.environment == "dev"
    }
    resource_group {
      # Whatever is in there was made here, or by AKS and Application Insights on our behalf.
      prevent_deletion_if_contains_resources = false
    }
  }
}

# Logs in as whoever deploys, each time: no kubeconfig, no certificate, nothing in the state that opens the cluster.
provider "helm" {
  kubernetes = {
    host                   = module.aks.host
    cluster_ca_certificate = base64decode(module.aks.cluster_ca_certificate)
    exec = {
      api_version = "client.authentication.k8s.io/v1beta1"
      command     = "kubelogin"
      # The application that every AKS cluster with Entra ID is.
      args = ["get-token", "--login", "azurecli", "--server-id", "6dae42f8-4368-4678-94ff-3960e28e3630"]
    }
  }
}
