output "server" {
  description = "Where e-mail is handed in."
  value       = "https://${azurerm_communication_service.this.hostname}"
}

output "from" {
  description = "Address that e-mail comes from; Azure makes the user name DoNotReply with the domain."
  value       = "DoNotReply@${azurerm_email_communication_service_domain.this.from_sender_domain}"
}

output "senders" {
  description = "Object ids that may send, by role of the system."
  value       = { for role, assigned in azurerm_role_assignment.sender : role => assigned.principal_id }
}
