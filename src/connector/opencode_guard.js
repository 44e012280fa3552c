// Asks `ai` before each call of a tool. `ai guard uninstall opencode` takes this file away.
import { spawn } from "node:child_process"

const HOOK = {hook}
const PATIENCE_MS = 60000

const ask = (call, cwd) =>
  new Promise((resolve) => {
    const told = []
    const child = spawn("/bin/sh", ["-c", HOOK], { cwd, stdio: ["pipe", "ignore", "pipe"] })
    const timer = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS)
    const end = (refusal) => (clearTimeout(timer), resolve(refusal))
    child.on("error", (error) => end(`the guard cannot be started: ${error.message}`))
    child.on("close", (code) => {
      const reason = Buffer.concat(told).toString("utf8").trim()
      end(code === 0 ? undefined : reason || `the guard ended with ${code}`)
    })
    child.stderr.on("data", (part) => told.push(part))
    child.stdin.on("error", () => {})
    child.stdin.end(JSON.stringify(call))
  })

export const AiGuard = async ({ directory }) => ({
  "tool.execute.before": async (input, output) => {
    const call = { tool: input.tool, sessionID: input.sessionID, callID: input.callID, cwd: directory, args: output.args }
    const refusal = await ask(call, directory)
    if (refusal !== undefined) throw new Error(refusal)
  },
})
