// How what nodes leave for each other is signed, and secrets are sealed.

package commands

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode"

	"bailiwick/internal/fleet"
)

// A signed value is
//
//	octets  what
//	1       version: 1
//	4       which secret of the fleet it is signed with
//	32      HMAC-SHA-256 of what it is and of all that follows
//	rest    a JSON object
const (
	signedVersion = 1
	idLen         = 4
	signedHead    = 1 + idLen + sha256.Size
)

// what is a kind of value. It is part of the signature, so that none is taken for another.
type what string

const (
	aHead    what = "head"
	aJournal what = "journal"
	someFact what = "facts"
)

// mac returns the signature of a body.
func mac(s *fleet.Secret, w what, body []byte) []byte {
	h := hmac.New(sha256.New, s.Key("bailiwick fleet commands"))
	h.Write([]byte(string(w) + " 1\x00"))
	h.Write(body)
	return h.Sum(nil)
}

// sign returns a value as the store gets it.
func sign(s *fleet.Secret, w what, v any) []byte {
	body, err := json.Marshal(v)
	if err != nil { // fails only for what JSON cannot express
		panic("commands: " + err.Error())
	}
	id := s.ID()
	out := append([]byte{signedVersion}, id[:]...)
	return append(append(out, mac(s, w, body)...), body...)
}

// verify reads what the store has. Nothing of it is looked at before its signature is verified.
func verify(secrets []fleet.Secret, w what, most int, signed []byte, v any) Outcome {
	if len(signed) < signedHead || len(signed) > most || signed[0] != signedVersion {
		return Malformed
	}
	body, good := signed[signedHead:], false
	for i := range secrets {
		good = good || isSignedBy(&secrets[i], signed) &&
			hmac.Equal(signed[1+idLen:signedHead], mac(&secrets[i], w, body))
	}
	if !good {
		return Forged
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if err := d.Decode(v); err != nil {
		return Malformed
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Malformed
	}
	return Good
}

// isSignedBy reports whether a value claims to be signed with a secret. It has a head.
func isSignedBy(s *fleet.Secret, signed []byte) bool {
	id := s.ID()
	return bytes.Equal(signed[1:1+idLen], id[:])
}

// box returns the cipher of secrets. Nonces are random: a key seals some ten boxes a day.
func box(s *fleet.Secret) cipher.AEAD {
	block, err := aes.NewCipher(s.Key("bailiwick fleet sealed secrets"))
	if err != nil { // fails only for keys of another length
		panic("commands: " + err.Error())
	}
	b, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic("commands: " + err.Error())
	}
	return b
}

// seal returns a secret in a box that is of use for one command alone.
func seal(s *fleet.Secret, about string, secret []byte) string {
	id := s.ID()
	return base64.StdEncoding.EncodeToString(append(id[:],
		box(s).Seal(nil, nil, secret, []byte(about))...))
}

// unseal opens a box, and returns the number of the secret that it is sealed with.
func unseal(secrets []fleet.Secret, about, sealed string) (secret []byte, by int, ok bool) {
	b, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil || len(b) < idLen {
		return nil, 0, false
	}
	for i := range secrets {
		if id := secrets[i].ID(); !bytes.Equal(id[:], b[:idLen]) {
			continue
		}
		if secret, err = box(&secrets[i]).Open(nil, nil, b[idLen:], []byte(about)); err == nil {
			return secret, i, true
		}
	}
	return nil, 0, false
}

// fits reports whether a text is short enough, and may stand in logs and on terminals.
func fits(s string, most int) bool {
	return len(s) <= most && strings.ToValidUTF8(s, "") == s &&
		!strings.ContainsFunc(s, unicode.IsControl)
}

// cut returns a text that fits.
func cut(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
	return strings.ToValidUTF8(s[:min(len(s), most)], "")
}
