// TSIG over a stream of messages (RFC 8945, section 5.3.1).

package secondary

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strings"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/tsig"
	"bailiwick/wire"
)

// Algorithm returns an algorithm as a [Key] has it, by its name with or without the final dot;
// false if it is not one that is used.
func Algorithm(name string) (string, bool) {
	full, _, ok := tsig.Algorithm(name)
	return full, ok
}

// digest begins an HMAC with the key.
func (k *Key) digest() hash.Hash {
	_, h, _ := tsig.Algorithm(k.Algorithm) // it is one that is used
	return hmac.New(h, k.Secret)
}

// fudge is how far the clocks of the two ends may be apart (RFC 8945, section 10).
const fudge = 300

// errUnsigned and errSignature are the errors of messages whose TSIG is missing, or not right.
var (
	errUnsigned  = errors.New("the reply is not signed with the TSIG key")
	errSignature = errors.New("the TSIG of the reply is not that of the key")
)

// sign packs a query, signed if there is a key. It returns what the reply is verified with.
func sign(m *dns.Msg, k *Key, now time.Time) ([]byte, *verifier, error) {
	if k == nil {
		b, err := m.Pack()
		return b, nil, err
	}
	m.SetTsig(k.Name, k.Algorithm, fudge, now.Unix())
	b, mac, err := dns.TsigGenerate(m, base64.StdEncoding.EncodeToString(k.Secret), "", false)
	if err != nil {
		return nil, nil, err
	}
	request, err := hex.DecodeString(mac)
	if err != nil {
		return nil, nil, err
	}
	v := &verifier{key: k, first: true}
	v.begin(request)
	return b, v, nil
}

// verifier verifies the messages of one reply.
type verifier struct {
	key      *Key
	hash     hash.Hash
	first    bool
	unsigned int // messages since the last TSIG
}

// begin begins a digest with the MAC before it.
func (v *verifier) begin(mac []byte) {
	v.hash = v.key.digest()
	v.hash.Write(binary.BigEndian.AppendUint16(nil, uint16(len(mac))))
	v.hash.Write(mac)
}

// request begins the digest of a request, which has no MAC before it.
func (v *verifier) request() {
	v.hash = v.key.digest()
}

// take takes the next message. A nil verifier takes all.
func (v *verifier) take(raw []byte, m *dns.Msg, now time.Time) error {
	if v == nil {
		return nil
	}
	t := m.IsTsig()
	switch {
	case t == nil && v.first, t == nil && v.unsigned == maxUnsigned:
		return errUnsigned
	case t == nil:
		v.unsigned++
		v.hash.Write(raw)
		return nil
	case t.Error != dns.RcodeSuccess:
		return fmt.Errorf("the server refuses the TSIG key: %s", dns.RcodeToString[int(t.Error)])
	case !strings.EqualFold(t.Hdr.Name, v.key.Name),
		!strings.EqualFold(t.Algorithm, v.key.Algorithm):
		return errSignature
	}
	r, err := wire.FindTSIG(raw)
	if err != nil {
		return errSignature
	}
	tsig.WriteSigned(v.hash, raw, &r)
	if v.first {
		v.hash.Write(r.AppendVariables(nil))
	} else {
		v.hash.Write(r.AppendTimers(nil))
	}
	// The whole MAC: a truncated one is asked for by nobody (RFC 8945, section 5.2.2.1).
	if !hmac.Equal(v.hash.Sum(nil), r.MAC) {
		return errSignature
	}
	if off := now.Unix() - int64(r.Time); off > int64(r.Fudge) || -off > int64(r.Fudge) {
		return fmt.Errorf("the TSIG is of another time, %d seconds off: check both clocks", off)
	}
	v.first, v.unsigned = false, 0
	v.begin(r.MAC)
	return nil
}

// end returns an error if the last message was not signed.
func (v *verifier) end() error {
	if v != nil && (v.first || v.unsigned > 0) {
		return errUnsigned
	}
	return nil
}
