resource "azurerm_servicebus_namespace" "this" {
  name                = "sbns-${var.name}"
  resource_group_name = var.resource_group_name
  location            = var.location
  tags                = var.tags

  # Basic has no topics; Premium costs sixty times Standard and buys isolation, private endpoints and messages above 256 KB.
  sku = "Standard"
  # Entra ID only: there is no key to leak or to rotate.
  local_auth_enabled = false
  # Said so that a plan shows it; the binary speaks no less.
  minimum_tls_version = "1.2"
}

resource "azurerm_servicebus_topic" "this" {
  name         = var.topic_name
  namespace_id = azurerm_servicebus_namespace.this.id

  # The relay publishes at least once; a repeat carries the same message id and is dropped here for a day, which is longer
  # than any of its back-offs. Cannot be changed later without making the topic anew.
  requires_duplicate_detection            = true
  duplicate_detection_history_time_window = "P1D"
  # An event that nobody fetched for two weeks is an incident, not a message; it goes to the dead letters.
  default_message_ttl = "P14D"
}

resource "azurerm_servicebus_subscription" "notify" {
  name     = var.subscription_name
  topic_id = azurerm_servicebus_topic.this.id

  max_delivery_count = 10
  # Notify waits at most 45 s for the store; the lock must not run out meanwhile, and a dead receiver's messages should come back soon.
  lock_duration                        = var.lock_duration
  dead_lettering_on_message_expiration = true
  # There is no filter that could fail, and if one is added, what it cannot judge should be seen.
  dead_lettering_on_filter_evaluation_error = true
}

resource "azurerm_role_assignment" "sender" {
  for_each             = var.senders
  scope                = azurerm_servicebus_topic.this.id
  role_definition_name = "Azure Service Bus Data Sender"
  principal_id         = each.value
  # A fresh identity may not have reached every replica of Entra ID; with its type given, ARM does not look it up.
  principal_type = "ServicePrincipal"
}

resource "azurerm_role_assignment" "receiver" {
  for_each             = var.receivers
  scope                = azurerm_servicebus_subscription.notify.id
  role_definition_name = "Azure Service Bus Data Receiver"
  principal_id         = each.value
  principal_type       = "ServicePrincipal"
}

# KEDA reads the subscription's depth from the management endpoint, and no role narrower than this is known to be let in.
resource "azurerm_role_assignment" "scaler" {
  for_each             = var.scalers
  scope                = azurerm_servicebus_topic.this.id
  role_definition_name = "Azure Service Bus Data Owner"
  principal_id         = each.value
  principal_type       = "ServicePrincipal"
}
