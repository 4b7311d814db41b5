resource "azurerm_monitor_action_group" "this" {
  name                = "ag-${var.name}"
  resource_group_name = var.resource_group_name
  tags                = var.tags
  short_name          = substr(replace(var.name, "-", ""), 0, 12)

  dynamic "email_receiver" {
    for_each = var.email == null ? [] : [var.email]
    content {
      name                    = "operator"
      email_address           = email_receiver.value
      use_common_alert_schema = true
    }
  }
}

locals {
  # The names that the binary gives its metrics.
  metrics = {
    oldest_unpublished = "orders.outbox.oldest_unpublished_age"
    rejected           = "orders.messages.rejected"
  }

  # How the binary calls itself: orders-api, orders-worker, orders-functions. The Functions host calls itself as its app is.
  ours = "AppRoleName startswith 'orders-'"

  rules = {
    unpublished = {
      title     = "Events wait to be published"
      text      = "The oldest unpublished event is older than five minutes: the bus is away or refuses. Orders are taken all the same."
      severity  = 1
      query     = "AppMetrics | where Name == '${local.metrics.oldest_unpublished}' | project TimeGenerated, Seconds = Max"
      column    = "Seconds"
      aggregate = "Maximum"
      operator  = "GreaterThan"
      threshold = 300
      window    = "PT10M"
    }
    rejected = {
      title     = "A message was rejected"
      text      = "A message on the subscription cannot be understood. It is in rejected_messages, with the reason."
      severity  = 2
      query     = "AppMetrics | where Name == '${local.metrics.rejected}' | project TimeGenerated, Messages = Sum"
      column    = "Messages"
      aggregate = "Total"
      operator  = "GreaterThan"
      threshold = 0
      window    = "PT15M"
    }
    failing = {
      title    = "Requests fail"
      text     = "More than ten requests in ten minutes were answered with 5xx."
      severity = 1
      # Of one request to the Function App both the host and the binary tell: whoever counts more is believed.
      query     = "AppRequests | where toint(ResultCode) >= 500 | summarize Failed = sum(ItemCount) by Ours = ${local.ours} | summarize Failed = max(Failed)"
      column    = "Failed"
      aggregate = "Maximum"
      operator  = "GreaterThan"
      threshold = 10
      window    = "PT10M"
    }
    restarts = {
      title    = "A container restarts again and again"
      text     = "A container in the cluster was restarted more than once in half an hour; the last lines of its log say why."
      severity = 2
      # One that never stays up is started every five to six minutes, so this stands for as long as that lasts.
      query     = "KubePodInventory | where Namespace == '${var.namespace}' | summarize Restarts = max(ContainerRestartCount) - min(ContainerRestartCount) by Name, ContainerName"
      column    = "Restarts"
      aggregate = "Maximum"
      operator  = "GreaterThan"
      threshold = 1
      window    = "PT30M"
    }
    silent = {
      title    = "Nothing is heard of the api"
      text     = "The api, of which at least two Pods always run, sent no telemetry for fifteen minutes: none of them lives, none may send, or the workspace's daily quota is used up."
      severity = 1
      # No row counts as nothing here; a rule over a column would wait for one.
      query     = "AppMetrics | where AppRoleName == 'orders-api'"
      column    = null
      aggregate = "Count"
      operator  = "LessThan"
      threshold = 1
      window    = "PT15M"
    }
  }
}

resource "azurerm_monitor_scheduled_query_rules_alert_v2" "this" {
  for_each            = local.rules
  name                = "ar-${var.name}-${each.key}"
  resource_group_name = var.resource_group_name
  location            = var.location
  tags                = var.tags

  display_name            = each.value.title
  description             = each.value.text
  severity                = each.value.severity
  scopes                  = [var.workspace_id]
  evaluation_frequency    = "PT5M"
  window_duration         = each.value.window
  auto_mitigation_enabled = true
  # A table exists from its first row on; on the first apply there are none.
  skip_query_validation = true

  criteria {
    query                   = each.value.query
    time_aggregation_method = each.value.aggregate
    metric_measure_column   = each.value.column
    operator                = each.value.operator
    threshold               = each.value.threshold
  }

  action {
    action_groups = [azurerm_monitor_action_group.this.id]
  }
}

# The broker's own metric: KEDA and the workers look at active messages only.
resource "azurerm_monitor_metric_alert" "dead_letters" {
  name                = "ar-${var.name}-dead-letters"
  resource_group_name = var.resource_group_name
  tags                = var.tags

  description   = "Messages lie in the dead letters of the topic's subscriptions; they are counted by subscription in the portal."
  severity      = 2
  scopes        = [var.servicebus_namespace_id]
  frequency     = "PT5M"
  window_size   = "PT15M"
  auto_mitigate = true

  criteria {
    metric_namespace = "Microsoft.ServiceBus/namespaces"
    metric_name      = "DeadletteredMessages"
    aggregation      = "Maximum"
    operator         = "GreaterThan"
    threshold        = 0

    dimension {
      name     = "EntityName"
      operator = "Include"
      values   = [var.topic_name]
    }
  }

  action {
    action_group_id = azurerm_monitor_action_group.this.id
  }
}
