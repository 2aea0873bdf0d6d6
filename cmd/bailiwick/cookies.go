// The command about server cookies, on the side of the server.

package main

import (
	"errors"

	"bailiwick/internal/console"
)

// renewCookies has cookies be made with another secret.
func (r *running) renewCookies(q console.Request) (console.Result, error) {
	if r.now().Server.Secret != nil {
		return console.Result{}, errors.New("the secret is the configuration's: change " +
			"server.cookie_secret or server.cookie_secret_file, and reload")
	}
	if q.Args["fleet"] == "true" {
		return r.renewInFleet(q)
	}
	if r.commands.Shares() {
		return console.Result{}, errors.New("the secret is the fleet's: only with fleet it changes")
	}
	r.server.RenewSecret()
	r.succeedItself()
	r.log.Info("cookies are made with a new secret", "by", q.Caller)
	return console.Result{Fields: map[string]any{"cookies": "made with a new secret",
		"former": "accepted for an hour"}}, nil
}
