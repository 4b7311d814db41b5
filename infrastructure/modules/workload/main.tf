# One release, so that an upgrade is one step that is waited for and can be taken back. Its record lives in `default`: the
# namespace that it makes is one of its manifests.
resource "helm_release" "this" {
  name      = var.name
  namespace = "default"
  chart     = "${path.module}/chart"
  # JSON is YAML too, and of JSON a plan shows what changes within.
  values = [jsonencode({ manifests = var.manifests })]

  # Until the rollout is through and the migration done.
  wait          = true
  wait_for_jobs = true
  # Seconds: a node may have to be made, and a serverless database to wake.
  timeout     = 900
  max_history = 5
  # Goes on from a first release that failed.
  upgrade_install = true
}
