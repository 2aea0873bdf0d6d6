package service

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
)

// Secrets are those that a server has for itself and in memory alone. A successor gets them through
// a pipe, so that clients do not notice that there is another process: neither a disk nor the
// environment ever has them.
type Secrets struct {
	Tickets []byte `json:"tickets,omitempty"` // of TLS sessions; nil: none
	Cookies []byte `json:"cookies,omitempty"` // of server cookies (RFC 9018)
}

// secretsVariable holds the descriptor of the pipe.
const secretsVariable = "BAILIWICK_SECRETS"

// maxSecrets is the longest text of them, in octets: less than any pipe holds without a reader.
const maxSecrets = 4096

// pipe returns a pipe that holds the secrets; the caller closes it. The successor that reads it to
// its end may be of another version, which knows more of them or fewer.
func (s Secrets) pipe() (read *os.File, err error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	_, err = write.Write(text)
	if err = errors.Join(err, write.Close()); err != nil {
		_ = read.Close()
		return nil, err
	}
	return read, nil
}

// inheritedSecrets returns those of the server that started this one; none if none did.
func inheritedSecrets() (s Secrets, err error) {
	text, ok := os.LookupEnv(secretsVariable)
	if !ok {
		return s, nil
	}
	_ = os.Unsetenv(secretsVariable)
	fd, err := strconv.Atoi(text)
	if err != nil || fd <= 2 {
		return s, fmt.Errorf("%s=%q is not a descriptor", secretsVariable, text)
	}
	f := os.NewFile(uintptr(fd), "secrets")
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSecrets))
	if err == nil {
		err = json.Unmarshal(b, &s)
	}
	if err != nil {
		return Secrets{}, fmt.Errorf("secrets of the process before: %w", err)
	}
	return s, nil
}
