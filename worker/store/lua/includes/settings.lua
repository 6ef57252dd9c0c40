-- What admission and claim need to know of a swarm, as its workers announced it; read once per call.
local settings_cache = {}

local function settings_of(swarm_name)
  local settings = settings_cache[swarm_name]
  if settings == nil then
    local text = call('HGET', swarms_key, swarm_name)
    local readable, decoded = pcall(cjson.decode, text or '')
    settings = readable and decoded or false
    settings_cache[swarm_name] = settings
  end
  return settings
end
