// Package probe asks what package check judges: the servers of a zone, those of its parent, and
// services with TLSA records. Questions go through transport, as in production. To one server they
// are sent one after the other, so that no rate limit is met; servers are asked side by side.
package probe
