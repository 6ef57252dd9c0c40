-- Locals, because a global and its field cost two lookups each, some thirty times a request.
-- `call` raises an error; `try` returns it, as a table with `err`.
local call, try = redis.call, redis.pcall
local find, match, sub = string.find, string.match, string.sub
