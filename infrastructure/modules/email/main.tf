resource "azurerm_communication_service" "this" {
  name                = "acs-${var.name}"
  resource_group_name = var.resource_group_name
  tags                = var.tags
  data_location       = "Europe"
}

resource "azurerm_email_communication_service" "this" {
  name                = "acse-${var.name}"
  resource_group_name = var.resource_group_name
  tags                = var.tags
  data_location       = "Europe"
}

# A domain of Azure's, verified by itself and limited to 5 messages a minute and 10 an hour: enough to see it work, and no
# more. For customers a mail server or service of one's own goes into `settings` (EMAIL_SERVER), whose domain needs records in
# one's DNS first; none of this is made then.
resource "azurerm_email_communication_service_domain" "this" {
  # This very name is the one that Azure wants for a domain of its own.
  name              = "AzureManagedDomain"
  email_service_id  = azurerm_email_communication_service.this.id
  tags              = var.tags
  domain_management = "AzureManaged"
}

resource "azurerm_communication_service_email_domain_association" "this" {
  communication_service_id = azurerm_communication_service.this.id
  email_service_domain_id  = azurerm_email_communication_service_domain.this.id
}

# There is no built-in role that may send and nothing else. Microsoft asks for the actions CommunicationServices/read and
# /write, and of roles of one's own some report that they are enough and others that the service disregards them; so the
# built-in one, on this service alone.
resource "azurerm_role_assignment" "sender" {
  for_each             = var.senders
  scope                = azurerm_communication_service.this.id
  role_definition_name = "Communication and Email Service Owner"
  principal_id         = each.value
  principal_type       = "ServicePrincipal"
}
