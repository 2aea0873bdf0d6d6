// Package wire is DNS on the wire: names, messages, RRsets, EDNS, and the builder of messages. It
// does no I/O, reads no clock and knows no other package of the project.
//
// # The life of a message
//
// A client's packet is first looked at by [ParseQuery], which reads header, question and OPT in
// place and allocates nothing: that is all the hit path needs. An authority's packet goes through
// [Parse], which reads it once, decompresses every name, and groups the records of each section
// into RRsets with their RRSIGs attached. From then on nothing is parsed or packed again: the
// validator, the cache and the [Builder] work on [RRset] as it is.
//
// Whatever is malformed is refused with an error that names what is wrong and its offset; a
// compression pointer must point backwards, so that reading a name always ends (RFC 1035, section
// 4.1.4).
//
// # Limitations
//
// Owner names are kept in lower case; the letter case that must be kept (RFC 1034, section 3.1) is
// that of the question, which lives in the client's packet, and that of names in RDATA. Only class
// IN and the meta classes are ever looked into; one question a message is the rule (RFC 9619).
package wire
