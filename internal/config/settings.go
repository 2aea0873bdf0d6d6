// What keys hold, for others than the owner of the files: without secrets.

package config

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"

	"bailiwick/internal/pattern"
)

// Setting is what a key holds.
type Setting struct {
	Key   string
	Value string // in YAML's flow style; each secret in it as a hash, see [Config.Settings]
	Given bool   // a file gives it; else it is the default
	From  string // that file, with the line; "" for a default
}

// webQuery is what follows the question mark in a URL: it may be a secret.
var webQuery = pattern.New(`://[^"?\s]*\?([^"\s]+)`)

// Settings lists all keys in the order of the table. A secret stands as a hash of it and of a salt:
// whoever has another configuration and the same salt sees whether it has the same secret, and
// nothing else.
func (c *Config) Settings(salt []byte) (list []Setting) {
	for i := range keys {
		k := keys[i].key
		s := Setting{Key: k, Value: c.text[k], Given: c.Given(k)}
		for _, secret := range c.secrets[k] {
			s.Value = strings.ReplaceAll(s.Value, strconv.Quote(secret), sealed(salt, secret))
		}
		for _, m := range webQuery.Get().FindAllStringSubmatch(s.Value, -1) {
			s.Value = strings.ReplaceAll(s.Value, "?"+m[1], "?"+sealed(salt, m[1]))
		}
		if at := c.places[k]; s.Given {
			s.From = fmt.Sprintf("%s:%d", c.files[at.file], at.line)
		} else if c.profiled[k] {
			s.From = profileKey.key + ": " + c.text[profileKey.key]
		}
		list = append(list, s)
	}
	return list
}

// sealed is what stands for a secret.
func sealed(salt []byte, secret string) string {
	h := hmac.New(sha256.New, salt)
	h.Write([]byte(secret))
	return fmt.Sprintf("(secret %x)", h.Sum(nil)[:8])
}

// secretsOf returns the texts of a value that are secrets.
func (k *key) secretsOf(v value) (list []string) {
	if k.secret && v.text != "" {
		list = append(list, v.text)
	}
	for _, r := range v.records {
		if s := r.text(secretField); s != "" {
			list = append(list, s)
		}
	}
	return list
}

// secretField is the field of records that is a secret.
const secretField = "secret"
