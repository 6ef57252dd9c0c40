// Prints what @asyncapi/parser finds in the document on standard input, as JSON: [{severity, code, path, message}].
// Severity 0 is an error, 1 a warning. Ends with 1 if the document can't be used.
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const { document, diagnostics } = await new Parser().parse(readFileSync(0, "utf8"));
const found = diagnostics.map(({ severity, code, path, message }) => ({ severity, code, path: path.join("/"), message }));
const messages = document ? document.allMessages().length : 0;
console.log(JSON.stringify({ messages, found }));
process.exitCode = document ? 0 : 1;
