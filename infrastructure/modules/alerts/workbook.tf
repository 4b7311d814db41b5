locals {
  panels = [
    {
      title = "Orders placed and requests that failed, by hour"
      chart = "barchart"
      query = "AppRequests | where ${local.ours} | summarize Placed = sumif(ItemCount, Name has 'POST' and ResultCode == '201'), Failed = sumif(ItemCount, toint(ResultCode) >= 500) by bin(TimeGenerated, 1h) | render barchart"
    },
    {
      title = "Duration of requests, milliseconds"
      chart = "linechart"
      query = "AppRequests | where ${local.ours} | summarize percentiles(DurationMs, 50, 95, 99) by bin(TimeGenerated, 5m) | render timechart"
    },
    {
      title = "Age of the oldest unpublished event, seconds"
      chart = "linechart"
      query = "AppMetrics | where Name == '${local.metrics.oldest_unpublished}' | summarize Age = max(Max) by bin(TimeGenerated, 5m) | render timechart"
    },
    {
      title = "Messages rejected"
      chart = "barchart"
      query = "AppMetrics | where Name == '${local.metrics.rejected}' | summarize Rejected = sum(Sum) by bin(TimeGenerated, 1h) | render barchart"
    },
    {
      title = "Warnings and errors in the cluster's logs"
      chart = "table"
      query = "ContainerLogV2 | where PodNamespace == '${var.namespace}' | extend Line = todynamic(LogMessage) | where Line.level in ('WARN', 'ERROR') | summarize Lines = count(), Last = max(TimeGenerated) by Message = tostring(Line.message), Level = tostring(Line.level) | order by Lines desc"
    },
    {
      title = "Pods and restarts"
      chart = "table"
      query = "KubePodInventory | where Namespace == '${var.namespace}' | summarize arg_max(TimeGenerated, PodStatus, ContainerRestartCount) by Name | project Name, PodStatus, ContainerRestartCount, TimeGenerated"
    },
  ]
}

resource "azurerm_application_insights_workbook" "this" {
  # A workbook's name is a UUID; this one stays the same from apply to apply.
  name                = uuidv5("url", "https://orders/${var.name}/workbook")
  resource_group_name = var.resource_group_name
  location            = var.location
  tags                = var.tags

  display_name = "Orders (${var.name})"
  # The provider wants it in small letters.
  source_id = lower(var.workspace_id)
  data_json = jsonencode({
    version = "Notebook/1.0"
    items = concat(
      [{
        type    = 1
        name    = "heading"
        content = { json = "# Orders\nWhat is placed, what waits, what fails." }
      }],
      [for index, panel in local.panels : {
        type = 3
        name = "panel-${index}"
        content = {
          version                  = "KqlItem/1.0"
          query                    = panel.query
          size                     = 0
          title                    = panel.title
          timeContext              = { durationMs = 86400000 }
          queryType                = 0
          resourceType             = "microsoft.operationalinsights/workspaces"
          crossComponentResources  = [var.workspace_id]
          visualization            = panel.chart
          showExportToExcel        = true
          noDataMessage            = "Nothing in this time."
          timeContextFromParameter = null
        }
      }],
    )
    fallbackResourceIds = [var.workspace_id]
  })
}
