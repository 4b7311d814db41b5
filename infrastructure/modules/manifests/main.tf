locals {
  files = "${path.module}/../workload/manifests"

  # orders:TAG@sha256:…: what runs is the digest, the tag is its name for people.
  tag = regex(":([a-z0-9][a-z0-9-]*)@", var.image)[0]

  common = { namespace = var.namespace, image = var.image, tag = local.tag }

  # A Job's Pod cannot be changed; other settings are another Job.
  migrate_name = "migrate-${local.tag}-${substr(sha256(jsonencode([var.image, var.settings.migrate])), 0, 6)}"

  roles = keys(var.client_ids)

  everywhere = merge(
    {
      for file in ["namespace", "networkpolicy", "api-networkpolicy", "api-deployment", "api-service", "api-horizontalpodautoscaler", "api-poddisruptionbudget", "migrate-job"] :
      file => templatefile("${local.files}/${file}.yaml", merge(local.common, {
        name     = local.migrate_name
        settings = startswith(file, "migrate") ? var.settings.migrate : var.settings.api
        gateway  = var.gateway
        api      = var.api
        mail     = var.mail_ports
      }))
    },
    {
      for role in local.roles :
      "${role}-serviceaccount" => templatefile("${local.files}/serviceaccount.yaml", merge(local.common, { role = role, client_id = var.client_ids[role] }))
    },
  )

  route = {
    for file in var.gateway == null ? [] : ["api-httproute"] :
    file => templatefile("${local.files}/${file}.yaml", merge(local.common, { gateway = var.gateway }))
  }

  worker = {
    for file in var.worker == null ? [] : ["worker-deployment", "worker-scaledobject", "worker-triggerauthentication"] :
    file => templatefile("${local.files}/${file}.yaml", merge(local.common, { settings = var.settings.worker, worker = var.worker, keda = var.worker.keda }))
  }
}
