// Prepared answers: whole responses in wire form, for questions that are asked often.

package cache

import (
	"encoding/binary"
	"iter"

	"bailiwick/internal/cause"
	"bailiwick/wire"
)

// AnswerKey is the key of a prepared answer: the question, and what else in a query changes the
// answer.
type AnswerKey struct {
	Name   wire.Name
	Type   wire.Type
	Policy uint16 // class of the policy that the answer was made under
	DO     bool
	CD     bool
	AD     bool // the client wants to see AD without DO (RFC 6840, section 5.7)
}

func (k AnswerKey) hash() uint64 { return hashName(k.Name, k.Type) }

// Answer is a whole response in wire form, without OPT: the hit path copies and patches it. It is
// immutable. It takes one line of the processor's cache, and one piece of memory for its octets.
type Answer struct {
	octets string        // the message, followed by the offsets of its TTLs
	Beside *AnswerBeside // nil for most
	Stored int64         // second at which the TTLs were right
	Life   uint32        // seconds from Stored until it ends
	Fresh  uint32        // seconds from Stored until it should be refreshed
	Until  uint32        // time of day at which its first signature ends; 0 if it has none
	// Generation is that of the policy that the answer was made under.
	Generation uint32
	length     uint16        // of the message
	Cause      cause.Cause   // of a SERVFAIL, or of what is wrong with another answer
	Status     wire.Security // of the data, as long as they live
	Run        uint8         // how many records of a set may be rotated, 0 for none
	RunAt      uint16        // offset of the first of them
	Cut        bool          // the policy has left records out
	Compact    bool          // clients with CO get NXDOMAIN (RFC 9824, section 5.1)
}

// AnswerBeside has the fields that few prepared answers need. It is immutable.
type AnswerBeside struct {
	// Pointers are the offsets of compression pointers, in an answer whose question's name is to be
	// replaced.
	Pointers Offsets
	// Options are for the OPT record of a client that sent one: Extended DNS Errors.
	Options wire.Options
}

// Offsets are offsets in a message, two bytes each.
type Offsets string

// All yields the offsets in order.
func (o Offsets) All() iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := 0; i+1 < len(o); i += 2 {
			if !yield(int(o[i])<<8 | int(o[i+1])) {
				return
			}
		}
	}
}

func appendOffsets(b []byte, at []int) []byte {
	for _, x := range at {
		b = binary.BigEndian.AppendUint16(b, uint16(x))
	}
	return b
}

// NewOffsets returns the offsets at.
func NewOffsets(at []int) Offsets { return Offsets(appendOffsets(nil, at)) }

// NewAnswer returns a prepared answer: the response msg to a question about name, with the offsets
// of its TTLs, which are right at the second stored. The answer ends at the second expires.
func NewAnswer(msg []byte, name wire.Name, ttls []int, stored, expires int64) *Answer {
	b := make([]byte, 0, len(msg)+2*len(ttls))
	b = append(append(b, msg[:wire.HeaderLen]...), name.Wire()...)
	b = append(b, msg[len(b):]...)
	life := uint32(max(0, expires-stored))
	return &Answer{octets: string(appendOffsets(b, ttls)), length: uint16(len(msg)), Stored: stored,
		Life: life, Fresh: life}
}

// Msg returns the message. Its ID is 0, RD and CD are clear, and the question's name is in lower
// case and not compressed.
func (a *Answer) Msg() string { return a.octets[:a.length] }

// TTLs returns the offsets of the message's TTLs.
func (a *Answer) TTLs() Offsets { return Offsets(a.octets[a.length:]) }

// Restamped returns the same answer under a policy of another generation.
func (a *Answer) Restamped(generation uint32) *Answer {
	c := *a
	c.Generation = generation
	return &c
}

// Turn is a rotation of the records of an answer's run: those from Start to First go after those
// from First to End. The zero Turn changes nothing.
type Turn struct{ Start, First, End int }

// Turn returns the rotation that puts the record with the index first at the start of the run.
func (a *Answer) Turn(first int) (t Turn) {
	if first == 0 {
		return t
	}
	at := int(a.RunAt)
	t.Start = at
	msg := a.Msg()
	for i := range int(a.Run) {
		if i == first {
			t.First = at
		}
		if msg[at] != 0 { // the owner is the root, or a pointer
			at++
		}
		at += runFixed + int(msg[at+runFixed-2])<<8 + int(msg[at+runFixed-1])
	}
	t.End = at
	return t
}

// runFixed is the number of octets between a record's owner and its RDATA, with the owner's last
// octet.
const runFixed = 11

// Place returns the offset that the octet at an offset has after the rotation.
func (t Turn) Place(at int) int {
	switch {
	case at < t.Start || at >= t.End:
		return at
	case at < t.First:
		return at + t.End - t.First
	}
	return at - (t.First - t.Start)
}

// Good reports whether the answer has not ended.
func (a *Answer) Good(now int64) bool { return now < a.Stored+int64(a.Life) }

// Pointers returns those of Beside.
func (a *Answer) Pointers() Offsets {
	if a.Beside == nil {
		return ""
	}
	return a.Beside.Pointers
}

// Options returns those of Beside.
func (a *Answer) Options() wire.Options {
	if a.Beside == nil {
		return nil
	}
	return a.Beside.Options
}

// size returns the memory of the answer, in bytes.
func (a *Answer) size() int {
	n := len(a.octets) + 64
	if a.Beside != nil {
		n += len(a.Beside.Pointers) + len(a.Beside.Options) + 48
	}
	return n
}
