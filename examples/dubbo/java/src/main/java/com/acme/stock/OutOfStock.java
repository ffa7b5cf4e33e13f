package com.acme.stock;

public class OutOfStock extends Exception {
    private int left;

    public OutOfStock() {
    }

    public OutOfStock(String message, int left) {
        super(message);
        this.left = left;
    }

    public int getLeft() {
        return left;
    }
}
