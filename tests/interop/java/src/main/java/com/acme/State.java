package com.acme;

public enum State {
    NEW, PAID, SHIPPED
}
