import { rpc } from "@web/core/network/rpc";

/**
 * Takes the calls of one method into one's own hands: each waits until it is let go, answered or refused.
 *
 * @param {string} model
 * @param {string} method
 * @returns {{caught: Object[], stop: Function}} `caught`: the calls so far, as `args` with `letGo`, `answer`, `refuse`
 */
export function catchCalls(model, method) {
    const genuine = rpc._rpc;
    const caught = [];
    rpc._rpc = function (url, params, settings) {
        if (params?.model !== model || params?.method !== method) {
            return genuine.call(this, url, params, settings);
        }
        return new Promise((answer, refuse) => {
            const letGo = () => genuine.call(this, url, params, settings).then(answer, refuse);
            caught.push({ args: params.args, letGo, answer, refuse });
        });
    };
    return { caught, stop: () => (rpc._rpc = genuine) };
}

/** Lets what an answer leads to be drawn. */
export async function drawn() {
    for (let frame = 0; frame < 3; frame++) {
        await new Promise((resolve) => requestAnimationFrame(resolve));
    }
}

export function check(holds, what) {
    if (!holds) {
        throw new Error(what);
    }
}
