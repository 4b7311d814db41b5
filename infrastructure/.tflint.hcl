plugin "terraform" {
  enabled = true
  preset  = "all"
}

# variables.tf, outputs.tf and main.tf are there; a backend and settings have files of their own.
rule "terraform_standard_module_structure" {
  enabled = true
}
