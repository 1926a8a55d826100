/*
 * Runs a script of the channel as the engine would: with the engine's names, and with the few Java classes that it uses,
 * made of Node's. Reads a list of
 * {script, configuration, connectorMap, message, answer, now} from standard input; writes for each what became of the
 * maps and of the response.
 */
const crypto = require("crypto");
const vm = require("vm");

class JavaBase64Decoder {
    decode(text) {
        if (!/^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)) {
            throw new Error("IllegalArgumentException: Illegal base64");
        }
        return Buffer.from(text, "base64");
    }
}

class JavaMac {
    init(key) {
        this.key = key;
    }
    doFinal(bytes) {
        return crypto.createHmac("sha256", this.key).update(bytes).digest();
    }
}

const Packages = {
    java: {
        lang: {
            String: function (text) {
                this.getBytes = (charset) => {
                    if (charset !== "UTF-8") {
                        throw new Error(`UnsupportedEncodingException: ${charset}`);
                    }
                    return Buffer.from(text, "utf8");
                };
            },
        },
        util: {
            Base64: {
                getDecoder: () => new JavaBase64Decoder(),
                getEncoder: () => ({ encodeToString: (bytes) => bytes.toString("base64") }),
            },
        },
    },
    javax: {
        crypto: {
            Mac: {
                getInstance: (name) => {
                    if (name !== "HmacSHA256") {
                        throw new Error(`NoSuchAlgorithmException: ${name}`);
                    }
                    return new JavaMac();
                },
            },
            spec: { SecretKeySpec: function (bytes, name) { return name === "HmacSHA256" ? bytes : null; } },
        },
    },
};

class JavaMap {
    constructor(values) {
        this.values = new Map(Object.entries(values || {}));
    }
    get(name) {
        return this.values.has(name) ? this.values.get(name) : null;
    }
    put(name, value) {
        this.values.set(name, value);
    }
    remove(name) {
        this.values.delete(name);
    }
}

function run(given) {
    const connectorMap = new JavaMap(given.connectorMap);
    if (given.answer && given.answer.headers) {
        connectorMap.put("responseHeaders", { getHeader: (name) => given.answer.headers[name.toLowerCase()] || null });
    }
    const scope = {
        Packages,
        connectorMap,
        configurationMap: new JavaMap(given.configuration),
        connectorMessage: {
            getRawData: () => given.message.raw,
            getChannelId: () => given.message.channelId,
            getMessageId: () => given.message.messageId,
        },
        response: { getMessage: () => (given.answer ? given.answer.body : null) },
        responseStatus: "QUEUED",
        responseStatusMessage: null,
        SENT: "SENT",
        QUEUED: "QUEUED",
        ERROR: "ERROR",
    };
    if (given.now) {
        scope.Date = class extends Date {
            constructor() {
                super(given.now * 1000);
            }
        };
    }
    let thrown = null;
    try {
        // The engine runs each script as the body of a function.
        vm.runInNewContext(`(function () {\n${given.script}\n})();`, scope);
    } catch (error) {
        thrown = String(error);
    }
    return {
        connectorMap: Object.fromEntries([...connectorMap.values].filter(([name]) => name !== "responseHeaders")),
        responseStatus: scope.responseStatus,
        responseStatusMessage: scope.responseStatusMessage,
        thrown,
    };
}

process.stdout.write(JSON.stringify(JSON.parse(require("fs").readFileSync(0, "utf8")).map(run)));
