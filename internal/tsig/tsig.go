// Package tsig signs and verifies single messages with TSIG keys (RFC 8945). Transfers, which are
// streams of messages, are signed by package secondary.
package tsig

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"fmt"
	"hash"
	"strings"
	"time"

	"bailiwick/wire"
)

// algorithms are the HMACs that are used. HMAC-MD5 is not (RFC 8945, section 6).
var algorithms = map[string]func() hash.Hash{
	"hmac-sha1.":   sha1.New,
	"hmac-sha224.": sha256.New224,
	"hmac-sha256.": sha256.New,
	"hmac-sha384.": sha512.New384,
	"hmac-sha512.": sha512.New,
}

// Algorithm returns an algorithm's name in lower case and with the final dot, and its hash; false
// if it is not one that is used.
func Algorithm(name string) (full string, h func() hash.Hash, ok bool) {
	full = strings.TrimSuffix(strings.ToLower(name), ".") + "."
	h, ok = algorithms[full]
	return full, h, ok
}

// fudge is how far the clocks of the two ends may be apart, in seconds (RFC 8945, section 10).
const fudge = 300

// Error is what is wrong with a signature, by its number in responses (RFC 8945, section 3).
type Error uint16

// The errors.
const (
	Good     Error = 0
	FormErr  Error = 1 // the message is malformed, and the response has no TSIG
	BadSig   Error = 16
	BadKey   Error = 17
	BadTime  Error = 18
	BadTrunc Error = 22 // a MAC that is cut off: the whole one is asked for
)

// String returns the name of the error.
func (e Error) String() string {
	return map[Error]string{Good: "good", FormErr: "FORMERR", BadSig: "BADSIG", BadKey: "BADKEY",
		BadTime: "BADTIME", BadTrunc: "BADTRUNC"}[e]
}

// Key is a key of two ends.
type Key struct {
	Name      wire.Name
	algorithm wire.Name
	hash      func() hash.Hash
	secret    []byte
}

// NewKey returns a key.
func NewKey(name wire.Name, algorithm string, secret []byte) (*Key, error) {
	full, h, ok := Algorithm(algorithm)
	if !ok {
		return nil, fmt.Errorf("algorithm %q is not used", algorithm)
	}
	return &Key{name, wire.MustParseName(full), h, secret}, nil
}

// Verify reports what is wrong with the signature of a request, in the order of RFC 8945, section
// 5.2: the key, the MAC, the time, the truncation.
func (k *Key) Verify(msg []byte, t *wire.TSIG, now time.Time) Error {
	size := k.hash().Size()
	switch {
	case t.Algorithm != k.algorithm:
		return BadKey
	case len(t.MAC) > size, len(t.MAC) < max(10, size/2):
		return FormErr // section 5.2.2.1
	case !hmac.Equal(k.mac(nil, msg[:t.At], t)[:len(t.MAC)], t.MAC):
		return BadSig
	}
	if off := now.Unix() - int64(t.Time); off > int64(t.Fudge) || -off > int64(t.Fudge) {
		return BadTime
	}
	if len(t.MAC) < size {
		return BadTrunc
	}
	return Good
}

// mac signs a message as it was before the record was appended (section 4.3).
func (k *Key) mac(request, before []byte, t *wire.TSIG) []byte {
	h := hmac.New(k.hash, k.secret)
	if request != nil {
		h.Write(binary.BigEndian.AppendUint16(nil, uint16(len(request))))
		h.Write(request)
	}
	count := binary.BigEndian.Uint16(before[10:])
	if request == nil { // the count has the record, which is there already
		count--
	}
	writeMessage(h, before, t.OrigID, count)
	h.Write(t.AppendVariables(nil))
	return h.Sum(nil)
}

// WriteSigned writes a message to a digest as it was before its TSIG record was appended (RFC 8945,
// section 4.3.2).
func WriteSigned(h hash.Hash, msg []byte, t *wire.TSIG) {
	writeMessage(h, msg[:t.At], t.OrigID, binary.BigEndian.Uint16(msg[10:])-1)
}

// writeMessage writes a message with another ID and another count of additional records.
func writeMessage(h hash.Hash, msg []byte, id, additional uint16) {
	var head [wire.HeaderLen]byte
	copy(head[:], msg)
	binary.BigEndian.PutUint16(head[:], id)
	binary.BigEndian.PutUint16(head[10:], additional)
	h.Write(head[:])
	h.Write(msg[wire.HeaderLen:])
}

// Sign appends the signature of a response to a request. That of another time is told what time it
// is (section 5.2.3).
func (k *Key) Sign(msg []byte, request *wire.TSIG, e Error, now time.Time) []byte {
	t := wire.TSIG{Key: k.Name, Algorithm: k.algorithm, Time: uint64(now.Unix()), Fudge: fudge,
		OrigID: binary.BigEndian.Uint16(msg), Error: uint16(e)}
	if e == BadTime {
		t.Other = binary.BigEndian.AppendUint16(nil, uint16(t.Time>>32))
		t.Other = binary.BigEndian.AppendUint32(t.Other, uint32(t.Time))
		t.Time = request.Time
	}
	t.MAC = k.mac(request.MAC, msg, &t)
	return appended(msg, &t)
}

// Unsigned appends the record that tells why a request is not believed, without a MAC (section
// 5.3.2).
func Unsigned(msg []byte, request *wire.TSIG, e Error, now time.Time) []byte {
	return appended(msg, &wire.TSIG{Key: request.Key, Algorithm: request.Algorithm,
		Time: uint64(now.Unix()), Fudge: fudge, OrigID: binary.BigEndian.Uint16(msg),
		Error: uint16(e)})
}

func appended(msg []byte, t *wire.TSIG) []byte {
	binary.BigEndian.PutUint16(msg[10:], binary.BigEndian.Uint16(msg[10:])+1)
	return t.AppendTo(msg)
}

// Len returns how many octets the record of a response may take.
func Len(request *wire.TSIG) int {
	const fixed, time = 2 + 2 + 4 + 2 + 16, 6
	return request.Key.Len() + request.Algorithm.Len() + fixed + sha512.Size + time
}
