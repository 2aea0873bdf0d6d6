// Package rpz is what response policy zones say of questions and answers
// (draft-vixie-dnsop-dns-rpz-00). A policy zone is a zone whose names are triggers and whose
// records are actions; a [Set] is the zones that are in force, in their order. There is no I/O and
// no clock: what is asked, what was answered and who asks are given as [Facts].
package rpz
