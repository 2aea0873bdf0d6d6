// Package secondary keeps copies of zones for iteration: the root's (RFC 8806) and those that the
// operator names. It transfers them (RFC 5936, RFC 1995, RFC 9103), or takes them from a web server
// or a file, checks their digests (RFC 8976), follows the timers of their SOA records (RFC 1034,
// section 4.3.5), and listens for NOTIFY (RFC 1996).
//
// # From a zone to its copy
//
// A [Keeper] has a [schedule] for each zone, which is a pure value: when to check next, and until
// when the copy may be used. A check goes through the zone's sources in their order until one
// confirms the copy or has a newer one: it asks a primary for the SOA record, then for the changes
// since the copy's serial, and for the whole zone where that is of no use. What was transferred is
// a [zone.Zone] of its own. Its digest is checked, and the ZONEMD record is validated with the keys
// in it. Only then does it take the place of the copy in use. Whatever goes wrong before leaves
// that in use until it expires; then nothing is answered from it.
package secondary
