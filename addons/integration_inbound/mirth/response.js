/*
 * Says what becomes of the message, by what Odoo answered.
 *
 *   SENT     202 and 200: it is stored, now or since an earlier try
 *   QUEUED   401, 429, 5xx, no answer, or an answer that is not Odoo's: the same message again, signed anew
 *   ERROR    anything else: it would be refused for ever; correct its cause, then reprocess it
 */
var status = parseInt(connectorMap.get('responseStatusCode'), 10);
var answer = {};
try {
    answer = JSON.parse(String(response.getMessage())) || {};
} catch (notJson) {
    answer = {};
}

// A proxy's own page says 200 as well; only this says that Odoo has stored it.
var stored = (status === 202 && answer.status === 'accepted') || (status === 200 && answer.status === 'duplicate');

if (stored && answer.id === String(connectorMap.get('odooId'))) {
    responseStatus = SENT;
    responseStatusMessage = answer.status + ' as event ' + answer.event;
} else if (isNaN(status)) {
    responseStatus = QUEUED;
    responseStatusMessage = 'no answer';
} else {
    var again = status === 401 || status === 429 || status >= 500 || (status >= 200 && status < 300);
    var headers = connectorMap.get('responseHeaders');
    var requestId = headers ? headers.getHeader('x-request-id') : null;
    responseStatus = again ? QUEUED : ERROR;
    responseStatusMessage = status + ' ' + (answer.title || 'not an answer of Odoo') +
        (answer.detail ? ': ' + answer.detail : '') + (requestId ? ' (x-request-id ' + requestId + ')' : '');
}
