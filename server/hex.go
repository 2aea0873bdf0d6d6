package server

import "encoding/hex"

// HexOrText reads a setting that is a string of octets: "ascii_" and text, or hexadecimal digits.
func HexOrText(s string) ([]byte, error) {
	if len(s) > 6 && s[:6] == "ascii_" {
		return []byte(s[6:]), nil
	}
	return hex.DecodeString(s)
}
