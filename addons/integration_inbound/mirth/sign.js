/*
 * Builds the event and signs it, in the way of Standard Webhooks 1.0.0.
 *
 * The queue runs this step again on every try: each try is signed with the time of that try, while id and body stay
 * the same, byte for byte. So nothing here may depend on the clock but the signature.
 */

/** Returns the header webhook-signature: HMAC-SHA256 over the bytes {id}.{timestamp}.{body}. */
function integrationSignature(secret, id, timestamp, body) {
    var key = Packages.java.util.Base64.getDecoder().decode(secret.replace(/^whsec_/, ''));
    var mac = Packages.javax.crypto.Mac.getInstance('HmacSHA256');
    mac.init(new Packages.javax.crypto.spec.SecretKeySpec(key, 'HmacSHA256'));
    // Bytes, not text: the sender puts the same text into the same UTF-8 bytes.
    var signed = new Packages.java.lang.String(id + '.' + timestamp + '.' + body).getBytes('UTF-8');
    return 'v1,' + Packages.java.util.Base64.getEncoder().encodeToString(mac.doFinal(signed));
}

// The message is JSON: {"type": …, "subject": …, "time": …, "data": {…}}; subject and time may be left out.
var message = JSON.parse(String(connectorMessage.getRawData()));

// Never MSH-10 alone: senders repeat their control ids, and an id names one message for ever.
var id = String(connectorMessage.getChannelId()) + '-' + connectorMessage.getMessageId();

var event = {specversion: '1.0', id: id, source: '/systems/@CODE@', type: message.type};
if (message.subject) {
    event.subject = message.subject;
}
if (message.time) {
    event.time = message.time;
}
event.datacontenttype = 'application/json';
event.data = message.data;

var body = JSON.stringify(event);
var timestamp = String(Math.floor(new Date().getTime() / 1000));
var secret = String(configurationMap.get('@SECRET_KEY@')).trim();

connectorMap.put('odooId', id);
connectorMap.put('odooTimestamp', timestamp);
connectorMap.put('odooSignature', integrationSignature(secret, id, timestamp, body));
connectorMap.put('odooBody', body);
// What an earlier try was answered says nothing about this one.
connectorMap.remove('responseStatusCode');
connectorMap.remove('responseHeaders');
