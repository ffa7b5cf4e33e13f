package com.acme;

import java.io.Serializable;

public class Line implements Serializable {
    public String sku;
    public int count;

    public Line() {
    }

    public Line(String sku, int count) {
        this.sku = sku;
        this.count = count;
    }

    @Override
    public String toString() {
        return sku + "*" + count;
    }
}
