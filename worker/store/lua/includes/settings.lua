-- What admission and claim need to know of a swarm, as its workers announced it; read once per call.
local settings_cache = {}

local function settings_of(swarm_name)
  if settings_cache[swarm_name] == nil then
    local settings = call('HGET', swarms_key, swarm_name)
    local readable, decoded = pcall(cjson.decode, settings or '')
    settings_cache[swarm_name] = readable and decoded or false
  end
  return settings_cache[swarm_name]
end
