package transport

import (
	"bytes"
	"context"
	"testing"

	"bailiwick/internal/lab/testtime"
	"bailiwick/wire"
)

// TuDoor (IEEE S&P 2024): resolvers ended a question at the first malformed packet, or took a step
// that an attacker wanted, though the packet could not be the reply. Whatever comes from the
// server's address and port, the reply that follows is the one that counts.
func TestTuDoorMalformedPacketsEndNothing(t *testing.T) {
	otherID := func(change func(b []byte) []byte) func([]byte) []byte {
		return func(q []byte) []byte {
			return change(answerTo(q, func(b []byte) { b[1] ^= 0x55 }))
		}
	}
	for what, packet := range map[string]func(q []byte) []byte{
		"nothing":       func([]byte) []byte { return []byte{} },
		"five octets":   func(q []byte) []byte { return q[:5] },
		"eleven octets": func(q []byte) []byte { return answerTo(q, nil)[:11] },
		"the question":  func(q []byte) []byte { return q },
		"another opcode": func(q []byte) []byte {
			return answerTo(q, func(b []byte) { b[2] |= 0x28 })
		},
		"a bare header":   func(q []byte) []byte { return bareHeader(q, wire.RCodeNoError) },
		"a bare NXDOMAIN": func(q []byte) []byte { return bareHeader(q, wire.RCodeNXDomain) },
		"another question": func(q []byte) []byte {
			return answerTo(q, func(b []byte) { b[wire.HeaderLen+1] ^= 1 })
		},
		"half a question": func(q []byte) []byte { return answerTo(q, nil)[:wire.HeaderLen+3] },
		"another ID, TC": otherID(func(b []byte) []byte {
			b[2] |= 2
			return b
		}),
		"another ID, FORMERR, bare": otherID(func(b []byte) []byte {
			return bareHeader(b, wire.RCodeFormErr)
		}),
	} {
		at := udpServer(t, func(q []byte) [][]byte {
			return [][]byte{packet(append([]byte(nil), q...)), answerTo(q, nil)}
		})
		reply, err := exchanger(t).Exchange(context.Background(),
			Request{Server: at, Query: question, Timeout: testtime.Patience})
		if err != nil || !bytes.Equal(reply, answerTo(question, nil)) {
			t.Errorf("%s: %v, %x", what, err, reply)
		}
	}
}

// bareHeader returns the header of a response without a question.
func bareHeader(message []byte, rc wire.RCode) []byte {
	b := append([]byte(nil), message[:wire.HeaderLen]...)
	b[2], b[3] = b[2]|0x80, byte(rc)
	clear(b[4:])
	return b
}
