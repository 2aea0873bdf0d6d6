// Prepared answers: what is asked for again and again, as it goes out.

package cache

import (
	"encoding/binary"
	"iter"

	"bailiwick/internal/cause"
	"bailiwick/wire"
)

// AnswerKey is the key of a prepared answer: the question and what of the query changes the answer.
type AnswerKey struct {
	Name   wire.Name
	Type   wire.Type
	Policy uint16 // class of the policy that it was judged by
	DO     bool
	CD     bool
	AD     bool // the client wants to see AD without DO (RFC 6840, section 5.7)
}

func (k AnswerKey) hash() uint64 { return hashName(k.Name, k.Type) }

// Answer is a whole response in wire form, without OPT: the hit path copies and patches it. It is
// immutable, and takes a line of the processor's cache besides its octets, which are one piece of
// memory.
type Answer struct {
	octets string        // the message, and where its TTLs stand
	Beside *AnswerBeside // nil for most
	Stored int64         // second at which the TTLs held
	Life   uint32        // seconds from then until it ends
	Fresh  uint32        // and until it should be resolved anew
	Until  uint32        // when, by the time of day, its first signature ends; 0: it has none
	// Generation is that of the policy that it was judged by.
	Generation uint32
	length     uint16      // of the message
	Cause      cause.Cause // of a SERVFAIL, or of what is wrong with another answer
	Run        uint8       // how many records of a set may change places, 0 for none
	RunAt      uint16      // where the first of them begins
	Cut        bool        // the policy that it was judged by has left something out
}

// AnswerBeside is what few prepared answers have. It is immutable.
type AnswerBeside struct {
	// Pointers are where compression pointers stand, of an answer whose question's name is to be
	// replaced.
	Pointers Offsets
	// Options are what goes into the OPT record of a client who has one: Extended DNS Errors.
	Options wire.Options
}

// Offsets are places in a message, two octets each.
type Offsets string

// All yields the places in order.
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

// NewOffsets takes places in a message.
func NewOffsets(at []int) Offsets { return Offsets(appendOffsets(nil, at)) }

// NewAnswer makes an answer of a response to a question about name, with TTLs at some places, from
// the second at which they hold until another.
func NewAnswer(msg []byte, name wire.Name, ttls []int, stored, expires int64) *Answer {
	b := make([]byte, 0, len(msg)+2*len(ttls))
	b = append(append(b, msg[:wire.HeaderLen]...), name.Wire()...)
	b = append(b, msg[len(b):]...)
	life := uint32(max(0, expires-stored))
	return &Answer{octets: string(appendOffsets(b, ttls)), length: uint16(len(msg)), Stored: stored,
		Life: life, Fresh: life}
}

// Msg is the message: its ID is 0, RD and CD are clear, the question's name is in lower case and
// not compressed.
func (a *Answer) Msg() string { return a.octets[:a.length] }

// TTLs is where the message's TTLs stand.
func (a *Answer) TTLs() Offsets { return Offsets(a.octets[a.length:]) }

// Restamped returns the same answer under a policy of another generation.
func (a *Answer) Restamped(generation uint32) *Answer {
	c := *a
	c.Generation = generation
	return &c
}

// Turn is how the records of an answer's run change places: those from Start to First go behind
// those from there to End. The zero Turn leaves them.
type Turn struct{ Start, First, End int }

// Turn lets the run begin with the record at a place; those before it come last.
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

// runFixed is what a record has between its owner's last octet, which it counts, and its RDATA,
// in octets.
const runFixed = 11

// Place is where an octet stands after the turn.
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

// Pointers are those of Beside.
func (a *Answer) Pointers() Offsets {
	if a.Beside == nil {
		return ""
	}
	return a.Beside.Pointers
}

// Options are those of Beside.
func (a *Answer) Options() wire.Options {
	if a.Beside == nil {
		return nil
	}
	return a.Beside.Options
}

// size is what the answer takes, in octets.
func (a *Answer) size() int {
	n := len(a.octets) + 64
	if a.Beside != nil {
		n += len(a.Beside.Pointers) + len(a.Beside.Options) + 48
	}
	return n
}
