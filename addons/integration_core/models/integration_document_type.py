from odoo import fields, models


class IntegrationDocumentType(models.Model):
    """A kind of document that subscriptions may filter by; each addon ships those that its events are about."""

    _name = "integration.document.type"
    _description = "Document type"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    code = fields.Char(required=True, help="What events call it, in their facet 'document_type'.")
    sequence = fields.Integer(default=10)

    _code_uniq = models.UniqueIndex("(code)", "There is already a document type of that code.")
