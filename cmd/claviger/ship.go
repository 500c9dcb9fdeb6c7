package main

import (
	"fmt"
	"os"

	"claviger/internal/access"
	"claviger/internal/config"
	"claviger/internal/ship"
)

// newShippers returns one for each target of [audit] ship_to.
func (in *installation) newShippers(deps access.Deps, node access.Node) []*access.Shipper {
	var out []*access.Shipper
	for i, t := range in.cfg.Audit.ShipTo {
		target := access.ShipTarget{Name: t.Text, Label: fmt.Sprintf("%s-%d", t.Kind, i+1), Send: in.sender(t, node)}
		out = append(out, access.NewShipper(deps, target, node.ID, access.DefaultShipPace(), in.log))
	}
	return out
}

func (in *installation) sender(t config.ShipTarget, node access.Node) access.Send {
	switch t.Kind {
	case config.ShipFile:
		return ship.File{Path: t.Address}.Send
	case config.ShipSyslog:
		return ship.NewSyslog(t.Network, t.Address, node.Name, os.Getpid(), nil).Send
	}
	return ship.NewWebhook(t.Address, in.cfg.Audit.WebhookSecret.Expose(), version(), in.clock, nil).Send
}

// shipNames are the targets as the database knows them.
func shipNames(cfg *config.Config) []string {
	var names []string
	for _, t := range cfg.Audit.ShipTo {
		names = append(names, t.Text)
	}
	return names
}
