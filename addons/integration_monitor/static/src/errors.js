import { _t } from "@web/core/l10n/translation";
import { ConnectionLostError } from "@web/core/network/rpc";

const SESSION_EXPIRED = "odoo.http.SessionExpiredException";

/** Whether there is no answer because whoever asks is logged in no more: to ask again helps nobody. */
export function hasEnded(error) {
    return error.exceptionName === SESSION_EXPIRED;
}

/**
 * Says in the reader's language why a question has no answer.
 *
 * @param {Error} error what the question was refused with
 * @returns {string}
 * @throws {Error} the same where the session has ended: Odoo's own dialog says so, and leads to the login
 */
export function says(error) {
    if (hasEnded(error)) {
        throw error;
    }
    // What it says by itself is an address, in English.
    const away = error instanceof ConnectionLostError;
    return (!away && (error.data?.message || error.message)) || _t("Odoo did not answer.");
}
