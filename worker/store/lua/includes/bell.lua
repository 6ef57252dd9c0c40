-- Wake one idle worker for work that came without an XADD to the requests stream.
local function ring_bell()
  call('XADD', bell_key, 'MAXLEN', '1', '*', 'b', '1')
end
