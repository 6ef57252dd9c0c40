"""What a user writes: applications, swarms, agents, tools, policies and completions, as plain frozen values."""
