// Package fieldreports holds situations that people met with resolvers, forwarders, stub resolvers
// and authoritative servers, and reported in public. Each is rebuilt in the lab and asked through
// the server, as a client would. docs/fieldreports.md says how to add one.
package fieldreports
