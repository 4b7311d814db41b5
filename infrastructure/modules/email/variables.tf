variable "name" {
  description = "Project, environment and a suffix that makes it unique in the world; the services are acs-NAME and acse-NAME."
  type        = string
}

variable "resource_group_name" {
  description = "Resource group that everything goes into."
  type        = string
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
}

variable "senders" {
  description = "Object ids of the identities that send, by role of the system."
  type        = map(string)
}
