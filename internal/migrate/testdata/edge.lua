-- only what the package brings
dofile("/usr/share/pdns-recursor/lua-config/rootkeys.lua")
