// Package web gets files from web servers over TLS. Names of servers are looked up by this server's
// own resolver: the machine may have no other, and what policy says to clients does not concern it.
package web
