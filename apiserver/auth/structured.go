// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/pkg/apis/apiserver/install"
	"k8s.io/apiserver/pkg/apis/apiserver/validation"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	authenticationcel "k8s.io/apiserver/pkg/authentication/cel"
	tokenunion "k8s.io/apiserver/pkg/authentication/token/union"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	"k8s.io/apiserver/pkg/util/filesystem"
	"k8s.io/apiserver/plugin/pkg/authenticator/token/oidc"
	"k8s.io/klog/v2"
)

// OIDCConfig holds issuers of OpenID Connect tokens.
type OIDCConfig struct {
	JWT []apiserver.JWTAuthenticator
	// SigningAlgs are the accepted algorithms; empty means RS256.
	SigningAlgs []string
}

// structuredAlgs are accepted from issuers of a configuration file, which cannot name any.
var structuredAlgs = []string{"RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512"}

// structured is the part of authentication that may change while the server runs: OpenID Connect issuers and whether
// anonymous requests are let in. Each configuration is a generation; the old one goes on until the new one is in place.
type structured struct {
	path       string
	algs       []string
	disallowed []string
	fixed      bool // anonymous settings were given by flag

	current atomic.Pointer[generation]
}

type generation struct {
	config apiserver.AuthenticationConfiguration
	token  authenticator.Token // nil until started, or without issuers
	cancel context.CancelFunc
}

func newStructured(c AuthenticationConfig) (*structured, error) {
	if c.OIDC != nil && c.ConfigFile != "" {
		return nil, errors.New("an authentication configuration file and OIDC flags exclude each other")
	}
	s := &structured{path: c.ConfigFile, algs: structuredAlgs, disallowed: c.ServiceAccountIssuers}
	config := apiserver.AuthenticationConfiguration{Anonymous: &apiserver.AnonymousAuthConfig{Enabled: c.Anonymous}}
	switch {
	case c.ConfigFile != "":
		read, err := s.read()
		if err != nil {
			return nil, err
		}
		if read.Anonymous == nil {
			read.Anonymous = config.Anonymous
		}
		config = *read
		s.fixed = c.Anonymous
	case c.OIDC != nil:
		config.JWT = c.OIDC.JWT
		if s.algs = c.OIDC.SigningAlgs; len(s.algs) == 0 {
			s.algs = []string{"RS256"}
		}
		if err := s.validate(&config); err != nil {
			return nil, err
		}
	}
	s.current.Store(&generation{config: config, cancel: func() {}})
	return s, nil
}

func (s *structured) used() bool {
	return s.path != "" || len(s.current.Load().config.JWT) > 0
}

func (s *structured) anonymous() apiserver.AnonymousAuthConfig {
	if a := s.current.Load().config.Anonymous; a != nil {
		return *a
	}
	return apiserver.AnonymousAuthConfig{}
}

// AuthenticateToken implements authenticator.Token.
func (s *structured) AuthenticateToken(ctx context.Context, token string) (*authenticator.Response, bool, error) {
	if t := s.current.Load().token; t != nil {
		return t.AuthenticateToken(ctx, token)
	}
	return nil, false, nil
}

func (s *structured) start(ctx context.Context) error {
	if err := s.install(ctx, s.current.Load().config); err != nil {
		return err
	}
	defer func() { s.current.Load().cancel() }()
	if s.path == "" {
		<-ctx.Done()
		return nil
	}
	var running sync.WaitGroup
	running.Go(func() {
		filesystem.WatchUntil(ctx, time.Minute, s.path,
			func() { s.reload(ctx) },
			func(err error) {
				klog.FromContext(ctx).Error(err, "Watching the authentication configuration", "file", s.path)
			})
	})
	running.Wait()
	return nil
}

func (s *structured) reload(ctx context.Context) {
	logger := klog.FromContext(ctx)
	config, err := s.read()
	if err == nil {
		if config.Anonymous == nil {
			config.Anonymous = &apiserver.AnonymousAuthConfig{Enabled: s.fixed}
		}
		err = s.install(ctx, *config)
	}
	if err != nil {
		logger.Error(err, "Keeping the old authentication configuration", "file", s.path)
		return
	}
	logger.Info("Authentication configuration in use", "file", s.path)
}

// install makes config the current generation and ends the one before.
func (s *structured) install(ctx context.Context, config apiserver.AuthenticationConfiguration) error {
	ctx, cancel := context.WithCancel(ctx)
	var issuers []authenticator.Token
	compiler := authenticationcel.NewDefaultCompiler
	for i, issuer := range config.JWT {
		options := oidc.Options{JWTAuthenticator: issuer, SupportedSigningAlgs: s.algs, DisallowedIssuers: s.disallowed, Compiler: compiler()}
		if ca := issuer.Issuer.CertificateAuthority; ca != "" {
			content, err := dynamiccertificates.NewStaticCAContent("oidc-authenticator", []byte(ca))
			if err != nil {
				cancel()
				return fmt.Errorf("reading the certificate authority of issuer %d: %w", i, err)
			}
			options.CAContentProvider = content
		}
		token, err := oidc.New(ctx, options)
		if err != nil {
			cancel()
			return fmt.Errorf("setting up issuer %s: %w", issuer.Issuer.URL, err)
		}
		issuers = append(issuers, token)
	}
	next := &generation{config: config, cancel: cancel}
	if len(issuers) > 0 {
		next.token = tokenunion.New(issuers...)
	}
	s.current.Swap(next).cancel()
	return nil
}

func (s *structured) read() (*apiserver.AuthenticationConfiguration, error) {
	data, err := os.ReadFile(s.path)
	if err != nil {
		return nil, fmt.Errorf("reading authentication configuration: %w", err)
	}
	scheme := runtime.NewScheme()
	install.Install(scheme)
	codecs := serializer.NewCodecFactory(scheme, serializer.EnableStrict)
	obj, err := runtime.Decode(codecs.UniversalDecoder(), data)
	if err != nil {
		return nil, fmt.Errorf("reading authentication configuration %s: %w", s.path, err)
	}
	config, ok := obj.(*apiserver.AuthenticationConfiguration)
	if !ok {
		return nil, fmt.Errorf("reading authentication configuration %s: it holds a %T", s.path, obj)
	}
	return config, s.validate(config)
}

func (s *structured) validate(config *apiserver.AuthenticationConfiguration) error {
	compiler := authenticationcel.NewDefaultCompiler()
	if err := validation.ValidateAuthenticationConfiguration(compiler, config, s.disallowed).ToAggregate(); err != nil {
		return fmt.Errorf("checking authentication configuration: %w", err)
	}
	return nil
}
