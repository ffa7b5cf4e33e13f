package com.acme.stock;

public enum Warehouse {
    NORTH, SOUTH
}
