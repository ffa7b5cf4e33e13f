package com.acme;

public class OutOfStock extends Exception {
    private String sku;
    private int left;

    public OutOfStock() {
    }

    public OutOfStock(String message, String sku, int left) {
        super(message);
        this.sku = sku;
        this.left = left;
    }

    public String getSku() {
        return sku;
    }

    public int getLeft() {
        return left;
    }
}
