import { onMounted, onWillUnmount } from "@odoo/owl";
import { WORKER_STATE } from "@bus/workers/websocket_worker";
import { browser } from "@web/core/browser/browser";
import { useService } from "@web/core/utils/hooks";

const HINT = "integration.changed";
// Several hints of one moment are one; and not everybody who looks asks at the same instant.
const GATHER_MS = 300;
const SPREAD_MS = 700;

/**
 * Has a page read anew what it shows whenever the bus says that something has changed, as long as it is seen. The bus
 * says no more than that: what the reader may see, the page asks for as it always does.
 *
 * @param {Function} refresh reads anew
 * @param {Function} tell is told whether the bus is connected, at the beginning and whenever that changes
 */
export function useLive(refresh, tell) {
    const bus = useService("bus_service");
    let timer, missed;
    const told = {
        "BUS:CONNECT": () => tell(true),
        // What happened meanwhile nobody has told of.
        "BUS:RECONNECT": () => {
            tell(true);
            onHint();
        },
        "BUS:RECONNECTING": () => tell(false),
        "BUS:DISCONNECT": () => tell(false),
    };

    function isConnected() {
        // The bus does not take it back when the browser says that there is no network.
        return bus.workerState === WORKER_STATE.CONNECTED && browser.navigator.onLine;
    }
    function onHint() {
        if (document.visibilityState !== "visible") {
            missed = true;
        } else if (!timer) {
            timer = browser.setTimeout(read, GATHER_MS + Math.random() * SPREAD_MS);
        }
    }
    function read() {
        timer = undefined;
        missed = false;
        refresh();
    }
    function onSeen() {
        // Hints may be missed while a browser lets the page sleep.
        if (document.visibilityState === "visible" && (missed || !isConnected())) {
            read();
        }
    }

    onMounted(() => {
        bus.subscribe(HINT, onHint);
        for (const [event, react] of Object.entries(told)) {
            bus.addEventListener(event, react);
        }
        document.addEventListener("visibilitychange", onSeen);
        tell(isConnected());
        bus.start();
    });
    onWillUnmount(() => {
        bus.unsubscribe(HINT, onHint);
        for (const [event, react] of Object.entries(told)) {
            bus.removeEventListener(event, react);
        }
        document.removeEventListener("visibilitychange", onSeen);
        browser.clearTimeout(timer);
    });
}
